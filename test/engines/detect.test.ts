import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detectEngines } from '../../src/engines/detect.ts';
import { engineVariables } from '../../src/engines/environment.ts';
import { temporaryFolder } from '../helpers/temp.ts';

test('tools that are asked for their version see what engines may see', async () => {
  const folder = await temporaryFolder();
  const script = '#!/bin/sh\necho "buildah version 1.0.0-$APP_SECRET$LANG"\n';
  await writeFile(join(folder, 'buildah'), script);
  await chmod(join(folder, 'buildah'), 0o755);
  const variables = engineVariables({ PATH: folder, LANG: 'C', APP_SECRET: 'open-sesame' });
  const host = `unix://${join(folder, 'no.sock')}`;
  const engines = await detectEngines(host, variables, new AbortController().signal);
  expect(engines.filter(({ found }) => found)).toEqual([
    { name: 'buildah', found: true, version: '1.0.0-C', problem: undefined },
  ]);
});
