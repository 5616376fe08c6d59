import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBuild } from '../../src/pipeline/build.ts';
import { APP, keepable, slugOf, text } from '../builders/slug/slug-bytes.ts';
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

describe('a slug that is refused leaves nothing in a layout', () => {
  const cases = [
    ['at its end', slugOf(APP, text('./app/Procfile'), Buffer.alloc(512, 'x')), 'TAR_HEADER_INVALID'],
    [
      'by its Procfile, after it was stored',
      slugOf(APP, text('./app/Procfile', `${'x'.repeat(200)}: x`)),
      'PROCESS_INVALID',
    ],
  ] as const;

  it.each(cases)('%s', async (_when, bytes, code) => {
    const folder = await temporaryFolder();
    const slug = join(folder, 'slug.tgz');
    const build = (output: string) =>
      runBuild(
        buildRequest(slug, { strategy: 'slug', base: 'scratch', output: `oci:${output}` }),
        pipelineEnvironment(join(folder, 'home')),
      );
    const [old, empty, none] = ['old', 'empty', 'a/b'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(slug, keepable());
    await build(old);
    await mkdir(empty);
    const before = readdirSync(old, { recursive: true });
    await writeFile(slug, bytes);
    for (const output of [old, empty, none]) {
      expect(await build(output)).toMatchObject({ status: 'failed', error: { code } });
    }
    expect(readdirSync(old, { recursive: true })).toEqual(before);
    expect(readdirSync(empty)).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(['empty', 'home', 'old', 'slug.tgz']);
  });
});
