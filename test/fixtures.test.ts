import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runBuild } from '../src/pipeline/build.ts';
import { planBuild } from '../src/pipeline/plan.ts';
import { buildRequest, pipelineEnvironment } from './helpers/pipeline.ts';
import { temporaryFolder } from './helpers/temp.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

const expectation = z.strictObject({
  strategy: z.literal('slug'),
  /** How the archive is made from the folder `app`; by default as a slug of one dyno's user. */
  pack: z.strictObject({ owner: z.string().regex(/^\d+:\d+$/) }).optional(),
  layer: z.enum(['kept', 'transcoded']).optional(),
  processes: z.record(z.string(), z.string()).optional(),
  warnings: z.array(z.string()).optional(),
});

/** Every file below a folder as a gzip tar of `./app/...`, parents first. */
async function packSlug(app: string, owner: string): Promise<Buffer> {
  const [uid, gid] = owner.split(':').map(Number);
  const tar = pack();
  const common = { uid: uid ?? 0, gid: gid ?? 0, mtime: new Date(0) };
  tar.entry({ ...common, name: './app/', type: 'directory', mode: 0o755 });
  const members = readdirSync(app, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of members) {
    const name = `./app/${relative(app, path)}`;
    if (statSync(path).isDirectory())
      tar.entry({ ...common, name: `${name}/`, type: 'directory', mode: 0o755 });
    else tar.entry({ ...common, name, mode: 0o644 }, readFileSync(path));
  }
  tar.finalize();
  return gzipSync(await buffer(tar));
}

/** Those of source trees are planned by `plans.test.ts`. */
const slugs = readdirSync(FIXTURES).filter((name) => name.startsWith('slug-'));

describe.each(slugs)('fixture %s', (name) => {
  const folder = join(FIXTURES, name);

  test('is detected and built as expect.json says', async () => {
    const expected = expectation.parse(JSON.parse(await readFile(join(folder, 'expect.json'), 'utf8')));
    const home = await temporaryFolder();
    const slug = join(home, `${name}.tgz`);
    await writeFile(slug, await packSlug(join(folder, 'app'), expected.pack?.owner ?? '57350:57350'));
    const environment = pipelineEnvironment(join(home, 'home'));
    const request = buildRequest(slug, { base: 'scratch', output: `oci:${home}/out` });

    const result = await runBuild(request, environment);

    expect(result).toMatchObject({
      status: 'succeeded',
      strategy: expected.strategy,
      processes: expected.processes,
    });
    if (result.status !== 'succeeded') return;
    const layer = result.layers?.find(({ origin }) => origin === 'slug');
    const digest = await import('../src/oci/digest.ts').then(async ({ digestOf }) =>
      digestOf(await readFile(slug)),
    );
    expect(layer?.digest === digest ? 'kept' : 'transcoded').toBe(expected.layer);
    expect(result.slug?.layer).toBe(expected.layer);
    // A base of nothing always lacks a shell.
    expect(result.warnings.map(({ code }) => code).filter((code) => code !== 'BASE_WITHOUT_SHELL')).toEqual(
      expected.warnings ?? [],
    );
    const document = await planBuild(request, pipelineEnvironment(join(home, 'home')));
    expect(document.candidates.map(({ strategy }) => strategy)).toEqual([
      'image',
      'slug',
      'dockerfile',
      'nix',
      'buildpacks',
    ]);
    expect(document.strategy).toBe(expected.strategy);
  });
});
