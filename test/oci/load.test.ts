import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { loadImage, loadImageOrIndex } from '../../src/oci/load.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import { putBytes, putJson, putSmallImage, putSmallIndex, sha256, TYPES } from '../helpers/small-image.ts';

describe('loadImage', () => {
  it('gives the documents as they are and layers that can be opened again', async () => {
    const target = createMemoryTarget();
    const put = await putSmallImage(target);
    const image = await loadImage(target, put.descriptor);
    expect(sha256(image.manifestBytes)).toBe(put.descriptor.digest);
    expect(sha256(image.configBytes)).toBe(put.config.digest);
    expect(image.layers.map((layer) => layer.diffId)).toEqual(put.diffIds);
    for (const layer of image.layers) {
      for (const _ of [1, 2]) expect(sha256(await buffer(await layer.open()))).toBe(layer.descriptor.digest);
    }
  });

  it('chooses by platform, through nested indexes', async () => {
    const target = createMemoryTarget();
    const { descriptor, images } = await putSmallIndex(target, [
      parsePlatform('linux/amd64'),
      parsePlatform('linux/arm64'),
    ]);
    const nested = await putJson(
      target,
      { schemaVersion: 2, mediaType: TYPES.index, manifests: [descriptor] },
      TYPES.index,
    );
    for (const index of [descriptor, nested]) {
      const image = await loadImage(target, index, { platform: parsePlatform('linux/arm64') });
      expect(image.descriptor.digest).toBe(images[1]?.descriptor.digest);
    }
    await expect(
      loadImage(target, descriptor, { platform: parsePlatform('linux/s390x') }),
    ).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: expect.stringContaining('linux/amd64, linux/arm64'),
    });
    expect((await loadImageOrIndex(target, descriptor)).kind).toBe('index');
  });

  it('does not pass off an image for another platform', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target);
    await expect(
      loadImage(target, descriptor, { platform: parsePlatform('linux/arm64') }),
    ).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
    });
  });

  it('refuses an image whose config and manifest disagree on the layers', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target, {
      config: { rootfs: { type: 'layers', diff_ids: [] } },
    });
    await expect(loadImage(target, descriptor)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('2 layers, its config names 0'),
    });
  });

  it('says what an artifact is', async () => {
    const target = createMemoryTarget();
    const config = await putBytes(target, '{}', 'application/vnd.oci.empty.v1+json');
    const manifest = { schemaVersion: 2, artifactType: 'application/spdx+json', config, layers: [] };
    const descriptor = await putJson(target, manifest, TYPES.manifest);
    await expect(loadImage(target, descriptor)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('application/spdx+json'),
    });
  });

  it('reads an image without layers as Go tools write it, with null for the lists', async () => {
    const target = createMemoryTarget();
    const rootfs = { type: 'layers', diff_ids: null };
    const config = await putJson(target, { os: 'linux', architecture: 'amd64', rootfs }, TYPES.config);
    const descriptor = await putJson(target, { schemaVersion: 2, config, layers: null }, TYPES.manifest);
    expect((await loadImage(target, descriptor)).layers).toEqual([]);
  });

  it('reads no document that claims more than 4 MiB', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target);
    await expect(loadImage(target, { ...descriptor, size: 5_000_000 })).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
    });
  });
});
