import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openLocalStore } from '../../src/oci/stores/local.ts';
import { listImages, removeImages } from '../../src/pipeline/images.ts';
import { serveImages } from '../../src/pipeline/serve-images.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { putSmallImage, putSmallIndex, sha256 } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function homeWithImages() {
  const home = await temporaryFolder();
  using store = await openLocalStore(home, { now: () => 1_700_000_000_000 });
  const image = await putSmallImage(store);
  const unnamed = await putSmallImage(store, { config: { author: 'nobody' } });
  const index = await putSmallIndex(store, [{ os: 'linux', architecture: 'arm64' }]);
  for (const name of ['app:v1', 'app:v2']) await store.tag(image.descriptor, name);
  await store.tag(index.descriptor, 'Upper:all');
  await store.addRoot?.(unnamed.descriptor);
  const path = store.blobFile(unnamed.descriptor.digest);
  return { home, environment: pipelineEnvironment(home), image, unnamed, index, path };
}

describe('the images of the local store', () => {
  it('are listed by name, then those without one, with the bytes of all they are made of', async () => {
    const { environment, image, unnamed, index, path } = await homeWithImages();
    const { images } = await listImages(environment);
    const updatedAt = '2023-11-14T22:13:20.000Z';
    const size = [image.descriptor, image.config, ...image.layers].reduce((sum, blob) => sum + blob.size, 0);
    const { digest, mediaType } = image.descriptor;
    expect(images).toMatchObject([
      { name: 'Upper:all', digest: index.descriptor.digest },
      { name: 'app:v1', digest, mediaType, size, updatedAt },
      { name: 'app:v2', digest, mediaType, size, updatedAt },
      { name: null, digest: unnamed.descriptor.digest, updatedAt: null },
    ]);
    await rm(path);
    expect((await listImages(environment)).images.at(-1)).toMatchObject({ name: null, size: null });
  });

  it('lose a name, or all that mean a digest', async () => {
    const { environment, image, unnamed } = await homeWithImages();
    expect((await removeImages(['local:app:v1'], environment)).removed).toEqual(['app:v1']);
    const { removed } = await removeImages([image.descriptor.digest, unnamed.descriptor.digest], environment);
    expect(removed).toEqual(['app:v2', unnamed.descriptor.digest]);
    expect((await listImages(environment)).images.map(({ name }) => name)).toEqual(['Upper:all']);
  });

  it('keep all names when one of those to be removed is not there', async () => {
    const { environment } = await homeWithImages();
    for (const missing of ['app:v3', sha256('missing')]) {
      await expect(removeImages(['app:v1', missing], environment)).rejects.toMatchObject({
        code: 'IMAGE_NOT_FOUND',
      });
    }
    await expect(removeImages(['oci:folder'], environment)).rejects.toMatchObject({
      code: 'REFERENCE_INVALID',
    });
    expect((await listImages(environment)).images).toHaveLength(4);
  });

  it('are served by the names that can be repositories; the others are named', async () => {
    const { environment } = await homeWithImages();
    const stop = new AbortController();
    const references: string[] = [];
    await serveImages(
      {
        host: '127.0.0.1',
        port: 0,
        tokens: [],
        stopped: stop.signal,
        onListening(document) {
          references.push(
            ...document.references.map((reference) => reference.replace(document.host, 'HOST')),
          );
          stop.abort();
        },
      },
      environment,
    );
    expect(references.sort()).toEqual(['HOST/app:v1', 'HOST/app:v2']);
    expect(environment.events).toMatchObject([{ type: 'warning', code: 'NAME_NOT_SERVED' }]);
  });
});
