import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { hostPlatform } from '../../src/oci/platform.ts';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { runBuild } from '../../src/pipeline/build.ts';
import { copyImage } from '../../src/pipeline/copy.ts';
import { keepable } from '../builders/slug/slug-bytes.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { putSmallIndex } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function dockerArchive(folder: string): Promise<string> {
  const slug = join(folder, 'app.tgz');
  const archive = join(folder, 'image.tar');
  writeFileSync(slug, keepable());
  const request = buildRequest(slug, { base: 'scratch', output: `docker-archive:${archive}` });
  await runBuild(request, pipelineEnvironment(join(folder, 'home')));
  return archive;
}

test.each([
  ['as it is', (bytes: Buffer) => bytes],
  ['in gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['in zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
])('an image archive %s is recognised by its content', async (_how, packed) => {
  const folder = await temporaryFolder();
  const file = join(folder, 'some.file');
  writeFileSync(file, packed(readFileSync(await dockerArchive(folder))));
  const environment = pipelineEnvironment(join(folder, 'home'));
  const result = await runBuild(buildRequest(file, { output: `oci:${folder}/out` }), environment);
  expect(result).toMatchObject({ status: 'succeeded', strategy: 'image' });
});

test.each(['docker-archive', 'oci-archive'])(
  'a copy of an index into %s leaves nothing out silently',
  async (transport) => {
    const folder = await temporaryFolder();
    const platforms = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }));
    const layout = await openLayout(join(folder, 'layout'), { create: true });
    const { descriptor, images } = await putSmallIndex(layout, platforms);
    await layout.tag(descriptor, 'v1');
    const environment = pipelineEnvironment(join(folder, 'home'));
    const to = `${transport}:${folder}/image.tar`;
    const copied = await copyImage(`oci:${layout.directory}`, to, environment, { compression: 'keep' });
    const warnings = environment.events.filter(({ type }) => type === 'warning');
    if (transport === 'oci-archive') {
      expect(copied.image.digest).toBe(descriptor.digest);
      expect(warnings).toEqual([]);
      return;
    }
    const mine = platforms.findIndex(({ architecture }) => architecture === hostPlatform().architecture);
    expect(copied.image.digest).toBe(images[mine]?.descriptor.digest);
    expect(warnings).toEqual([
      { type: 'warning', code: 'PLATFORMS_LEFT_OUT', message: expect.stringContaining('linux/s390x') },
    ]);
  },
);

test('a copy into an archive tells how many bytes it wrote', async () => {
  const folder = await temporaryFolder();
  const archive = await dockerArchive(folder);
  const copied = await copyImage(
    `docker-archive:${archive}`,
    `oci-archive:${folder}/copy.tar`,
    pipelineEnvironment(join(folder, 'home')),
    { compression: 'keep' },
  );
  expect(copied.uploadedBytes).toBeGreaterThan(keepable().length);
  expect(copied.skippedBytes).toBe(0);
});
