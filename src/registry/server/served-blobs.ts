import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { madeOf } from '../../oci/content.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { createDigester, type Digest, digestAlgorithm } from '../../oci/digest.ts';
import { errnoOf } from '../../oci/stores/file-errors.ts';
import { notFound, sizeMismatch } from '../../oci/verify.ts';
import type { ByteRange } from './range.ts';

/** What is read at once, and so the memory of one download. */
const CHUNK = 256 * 1024;
const MAX_CHECKED = 10_000;

export interface ServedBlobs {
  /** Throws BLOB_NOT_FOUND, and SIZE_MISMATCH where the file has not the blob's size. */
  check(blob: Descriptor): Promise<void>;
  /**
   * All of a blob, or a part. The first time that all of it is read its digest is checked: the last bytes of a blob
   * that is damaged are held back, and the stream fails with DIGEST_MISMATCH.
   */
  open(blob: Descriptor, range?: ByteRange): Promise<Readable>;
}

/** @param path of the file of a blob */
export function createServedBlobs(path: (digest: Digest) => string): ServedBlobs {
  // A file that was replaced or written to since has another stamp.
  const checked = new Map<Digest, string>();
  return {
    async check(blob) {
      const { file } = await openFile(path(blob.digest), blob);
      await file.close();
    },
    async open(blob, range) {
      const { file, stamp } = await openFile(path(blob.digest), blob);
      const { first, last } = range ?? { first: 0, last: blob.size - 1 };
      if (blob.size === 0) {
        await file.close();
        return Readable.from([]);
      }
      const stream = file.createReadStream({ start: first, end: last, highWaterMark: CHUNK });
      if (range !== undefined || checked.get(blob.digest) === stamp) return stream;
      const onMatch = () => {
        checked.set(blob.digest, stamp);
        for (const oldest of checked.keys()) if (checked.size > MAX_CHECKED) checked.delete(oldest);
      };
      return madeOf(stream, holdingBack(stream, blob, onMatch), CHUNK);
    },
  };
}

async function openFile(path: string, blob: Descriptor): Promise<{ file: FileHandle; stamp: string }> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw notFound(blob, 'this registry');
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw notFound(blob, 'this registry');
    if (stats.size !== blob.size) throw sizeMismatch(blob, stats.size, 'this registry');
    return { file, stamp: `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}` };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* holdingBack(
  stream: AsyncIterable<Buffer>,
  blob: Descriptor,
  onMatch: () => void,
): AsyncGenerator<Buffer> {
  const digester = createDigester(digestAlgorithm(blob.digest));
  let held: Buffer | undefined;
  for await (const chunk of stream) {
    digester.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (digester.digest() !== blob.digest) {
    throw new DogwoodError('DIGEST_MISMATCH', `the bytes of ${blob.digest} are others`);
  }
  onMatch();
  if (held !== undefined) yield held;
}
