import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { runBuild } from '../../src/pipeline/build.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import type { SucceededBuild } from '../../src/plan/result.ts';
import { APP, keepable, PROCFILE, slugOf, text } from '../builders/slug/slug-bytes.ts';
import { describeWith } from '../helpers/engines.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { recordingProxy } from '../helpers/recording-proxy.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { file } from '../oci/tar/raw-tar.ts';

/**
 * Something of a slug in distribution's storage. A cancelled session may leave the state of a hash of nothing behind:
 * the request that was cut off writes it when the session is gone already.
 */
function isBlobOrSession(path: string): boolean {
  return /(?:_layers|_manifests).*[a-f0-9]{64}|_uploads\/.*\/(?:data|startedat)$/.test(path);
}

describeWith(['registry'], 'a slug straight into a registry', () => {
  let registry: RunningRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ kind: 'distribution3' });
  });
  afterAll(() => registry.stop());

  async function fixture() {
    const home = await temporaryFolder();
    const base = await openLayout(join(home, 'base'), { create: true });
    await base.tag((await putSmallImage(base)).descriptor, 'latest');
    const proxy = await recordingProxy(registry);
    const name = `${home.split('-').at(-1)?.toLowerCase()}/app`;
    const build = async (slug: Uint8Array, changes: Partial<BuildRequest> = {}) => {
      const path = join(home, 'app.tgz');
      await writeFile(path, slug);
      const destinations = [{ reference: `${proxy.host}/${name}:v1` }];
      const environment = pipelineEnvironment(join(home, 'home'));
      return await runBuild(
        buildRequest(path, { base: `oci:${home}/base`, destinations, ...changes }),
        environment,
      );
    };
    return { home, proxy, name, build };
  }

  const KEEP = keepable(text('./app/x', 'content'));
  const CHANGE = slugOf(APP, PROCFILE, text('./app/x', '', { uid: 0 }));

  test.each([
    ['kept', KEEP, {}],
    ['transcoded', CHANGE, {}],
    ['transcoded to zstd', KEEP, { compression: 'zstd' }],
  ] as const)(
    '%s, the second time moves nothing: one HEAD per blob and manifest',
    async (_what, slug, changes) => {
      const { home, proxy, build } = await fixture();
      const first = (await build(slug, changes)) as SucceededBuild;
      expect(first.references[0]).toMatchObject({ state: 'available', skippedBytes: 0 });
      expect(await readdir(join(home, 'home/blobs')).catch(() => [])).toEqual([]);
      const [sent, before] = [proxy.uploaded(), proxy.requests.length];
      expect(sent).toBeGreaterThan(0);

      const again = (await build(slug, changes)) as SucceededBuild;
      expect(again.image).toEqual(first.image);
      expect(again.references[0]).toMatchObject({ state: 'available', uploadedBytes: 0 });
      expect(proxy.uploaded() - sent).toBe(0);
      const lines = proxy.lines().slice(before);
      const blobs = lines.filter((line) => line.includes('/blobs/'));
      const digests = [...(again.layers ?? []).map(({ digest }) => digest), again.config?.digest];
      expect(blobs.map((line) => line.replace(/^HEAD .*\/blobs\//, '')).sort()).toEqual(digests.sort());
      // The manifest by its digest, and what the tag stands for; /v2/ is asked how it wants to be asked.
      const rest = lines.filter((line) => !line.includes('/blobs/') && line !== 'GET /v2/');
      expect(rest.map((line) => line.replace(/^(\S+) .*\//, '$1 ')).sort()).toEqual(
        [`HEAD ${again.image.digest}`, 'HEAD v1'].sort(),
      );
    },
  );

  test('a slug that cannot be kept after all leaves no upload and no blob of it', async () => {
    const { proxy, name, build } = await fixture();
    const result = (await build(CHANGE)) as SucceededBuild;
    const stored = await readdir(join(registry.storage, 'docker/registry/v2/repositories', name), {
      recursive: true,
    });
    expect(stored.filter(isBlobOrSession).filter((path) => path.startsWith('_uploads/'))).toEqual([]);
    const layers = stored.filter((path) => /^_layers\/sha256\/[a-f0-9]{64}$/.test(path));
    expect(layers).toHaveLength((result.layers?.length ?? 0) + 1);
    expect(proxy.lines().filter((line) => line.startsWith('DELETE'))).toHaveLength(1);
  });

  test.each([
    ['a path out of it', keepable(file('app/../../etc/passwd')), {}],
    ['half of it', keepable(text('./app/y', 'y'.repeat(100_000))).subarray(0, -20), {}],
    ['setuid, to be kept', keepable(text('./app/y', '', { mode: 0o4755 })), { layer: 'keep' }],
    [
      'setuid behind a lot, to be kept',
      keepable(
        text('./app/y', randomBytes(8 << 20).toString('latin1')),
        text('./app/z', '', { mode: 0o4755 }),
      ),
      { layer: 'keep' },
    ],
    ['half of it, to be transcoded', KEEP.subarray(0, -20), { layer: 'canonical' }],
  ] as const)('a refused slug leaves nothing there: %s', async (_what, slug, changes) => {
    const { home, name, build } = await fixture();
    expect(await build(slug, { ...changes, strategy: 'slug' })).toMatchObject({ status: 'failed' });
    const repository = join(registry.storage, 'docker/registry/v2/repositories', name);
    const stored = await readdir(repository, { recursive: true }).catch(() => []);
    expect(stored.filter(isBlobOrSession)).toEqual([]);
    expect(await readdir(join(home, 'home/tmp'))).toEqual([]);
  });
});
