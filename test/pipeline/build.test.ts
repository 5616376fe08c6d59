import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runBuild } from '../../src/pipeline/build.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { temporaryFolder } from '../helpers/temp.ts';

it('a step ends once: where nothing can build the source, detecting is what failed', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'text'), 'no archive');
  const environment = pipelineEnvironment(join(folder, 'home'));
  const result = await runBuild(buildRequest(join(folder, 'text')), environment);
  expect(result).toMatchObject({
    status: 'failed',
    error: { code: 'SOURCE_UNSUPPORTED', step: 'detect' },
  });
  const states = environment.events.flatMap((event) =>
    event.type === 'step' ? [`${event.step} ${event.state}`] : [],
  );
  expect(states).toEqual(['source started', 'source finished', 'detect started', 'detect failed']);
});
