/**
 * One file for Vitest, so that its tests run one after the other: what a build leaves in the engine is looked for by
 * names that all of pack's builds have.
 */
import { buildpacksRun } from '../../helpers/buildpacks-run.ts';
import { describeWith } from '../../helpers/engines.ts';
import { cacheTests } from './cache-tests.ts';
import { failureTests } from './failure-tests.ts';
import { imageTests } from './image-tests.ts';
import { publishTests } from './publish-tests.ts';
import { variableTests } from './variable-tests.ts';
import { wrapperTests } from './wrapper-tests.ts';

describeWith(['docker', 'busybox', 'pack', 'lifecycle'], 'the buildpacks builder', ({ pack }) => {
  const run = buildpacksRun(pack);
  imageTests(run);
  variableTests(run);
  failureTests(run);
  publishTests(run);
  cacheTests(run);
  wrapperTests(run);
});
