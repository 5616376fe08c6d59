import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { loadIntoEngine } from '../../../src/pipeline/places/writable.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

async function loaded(loadImage: (archive: Readable) => Promise<readonly string[]>, damaged = false) {
  const home = await temporaryFolder();
  const from = createMemoryTarget();
  // More than fits into the buffers on the way.
  const { descriptor, layers } = await putSmallImage(from, { layers: [Buffer.alloc(8 << 20)] });
  const open: typeof from.open = async (wanted, options) => {
    if (damaged && wanted.digest === layers[0]?.digest) throw new DogwoodError('BLOB_NOT_FOUND', 'gone');
    return await from.open(wanted, options);
  };
  await withSession(pipelineEnvironment(home), async (session) => {
    await loadIntoEngine({ loadImage }, { ...from, open }, descriptor, ['app:v1'], session).finally(
      async () => {
        // When the engine has answered, the archive that was made for it is gone.
        expect(await readdir(join(home, 'tmp'))).toEqual([]);
      },
    );
  });
}

it('hands an engine the whole image', async () => {
  let size = 0;
  await loaded(async (archive) => {
    size = (await buffer(archive)).length;
    return [];
  });
  expect(size).toBeGreaterThan(8 << 20);
});

it('leaves nothing when the engine does not want it', async () => {
  const refused = new DogwoodError('ENGINE_FAILED', 'no space in the engine');
  await expect(loaded(() => Promise.reject(refused))).rejects.toBe(refused);
});

it('says what is wrong with the image, not that a stream broke', async () => {
  const read = async (archive: Readable) => {
    await buffer(archive);
    return [];
  };
  await expect(loaded(read, true)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
});
