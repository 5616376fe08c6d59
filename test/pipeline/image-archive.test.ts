import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { runBuild } from '../../src/pipeline/build.ts';
import { copyImage } from '../../src/pipeline/copy.ts';
import { keepable } from '../builders/slug/slug-bytes.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
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
