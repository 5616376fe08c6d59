import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copy } from '../../../src/oci/copy.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { recompress } from '../../../src/oci/recompress.ts';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { type LocalStore, openLocalStore } from '../../../src/oci/stores/local.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import { keepable } from '../../builders/slug/slug-bytes.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage, type SmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** Other bytes of the same size, as a disk that rots gives them. */
async function damage(home: string, { digest }: Pick<Descriptor, 'digest'>): Promise<string> {
  const path = join(home, 'blobs', digest.replace(':', '/'));
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(path, bytes);
  return path;
}

const layerOf = ({ layers: [layer] }: SmallImage): Descriptor => {
  if (layer === undefined) throw new Error('no layer');
  return layer;
};

describe('a blob of the local store that was damaged at equal size', () => {
  const reads: readonly (readonly [string, (store: LocalStore, image: SmallImage) => Promise<unknown>])[] = [
    ['read', async (store, image) => await buffer(await store.open(layerOf(image)))],
    ['copied', async (store, image) => await copy(store, createMemoryTarget(), image.descriptor)],
    [
      'compressed anew',
      async (store, image) =>
        await recompress(await loadImage(store, image.descriptor), 'gzip', createMemoryTarget()),
    ],
  ];

  it.each(reads)('is gone once it was %s, and put again', async (_how, read) => {
    const home = join(await temporaryFolder(), 'home');
    const store = await openLocalStore(home);
    onTestFinished(() => store.close());
    const image = await putSmallImage(store);
    const path = await damage(home, layerOf(image));
    await expect(read(store, image)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(existsSync(path)).toBe(false);
    await putSmallImage(store);
    await read(store, image);
  });

  it('stays where the damage was on the way', async () => {
    const home = join(await temporaryFolder(), 'home');
    const store = await openLocalStore(home);
    onTestFinished(() => store.close());
    const { descriptor } = await putSmallImage(store);
    await store.discardDamaged?.(descriptor);
    expect(await store.has(descriptor)).toBe(true);
  });

  it('fails one build, and the next one is right', async () => {
    const folder = await temporaryFolder();
    const [home, slug] = [join(folder, 'home'), join(folder, 'slug.tgz')];
    await writeFile(slug, keepable());
    const build = (output?: string) =>
      runBuild(buildRequest(slug, { base: 'scratch', output }), pipelineEnvironment(home));
    const first = await build();
    const layer = first.status === 'succeeded' ? first.layers?.at(-1) : undefined;
    if (layer === undefined) throw new Error('no layer');
    await damage(home, layer);
    const archive = `oci-archive:${folder}/out.tar`;
    expect(await build(archive)).toMatchObject({ status: 'failed', error: { code: 'DIGEST_MISMATCH' } });
    expect(await build(archive)).toMatchObject({ status: 'succeeded' });
  });
});

it('what is damaged in somebody’s layout is not ours to remove', async () => {
  const directory = join(await temporaryFolder(), 'layout');
  const layout = await openLayout(directory, { create: true });
  const image = await putSmallImage(layout);
  const path = await damage(directory, layerOf(image));
  await expect(copy(layout, createMemoryTarget(), image.descriptor)).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
  });
  await expect(buffer(await layout.open(layerOf(image)))).rejects.toThrow();
  expect(existsSync(path)).toBe(true);
});
