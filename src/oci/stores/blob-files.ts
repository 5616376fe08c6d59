import { constants, type Stats } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { blobPath } from '../blob-path.ts';
import type { Content, Expectation } from '../content.ts';
import type { Descriptor } from '../descriptor.ts';
import { createDigester, type Digest, type Digester, digestAlgorithm } from '../digest.ts';
import { chunkFreer, withOwnChunks } from '../own-chunks.ts';
import type { OpenOptions, PutOptions, PutResult } from '../target.ts';
import { mismatch, notFound, sizeMismatch, verified } from '../verify.ts';
import { removeIfDamaged } from './damaged.ts';
import { errnoOf, fileError } from './file-errors.ts';
import type { TempFiles } from './temp-files.ts';

const CHUNK = 1024 * 1024;

/** Blobs as files, `blobs/<algorithm>/<hex>` (image-spec image-layout.md). What has such a name is whole. */
export interface BlobFiles {
  path(digest: Digest): string;
  /** The size of the blob in bytes; undefined when it is not there. */
  size(digest: Digest): Promise<number | undefined>;
  has(descriptor: Descriptor): Promise<boolean>;
  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable>;
  put(content: Content, expected: Expectation, options?: PutOptions): Promise<PutResult>;
  /**
   * Gives a file that was written by `writeVerified` in the same file system its place and name. That lasts through a
   * power cut once `syncFolder` has run on the folder it is given: one run serves many blobs.
   */
  adopt(path: string, digest: Digest): Promise<string>;
}

interface BlobFilesOptions {
  /** Removes a blob that a verified read finds damaged. For stores that are a cache, not somebody's images. */
  readonly discardsDamaged?: boolean;
}

/** @param name of the store, for messages */
export function createBlobFiles(
  directory: string,
  temp: TempFiles,
  name: string,
  { discardsDamaged = false }: BlobFilesOptions = {},
): BlobFiles {
  const pathOf = (digest: Digest): string => join(directory, blobPath(digest));

  const size = async (digest: Digest): Promise<number | undefined> => {
    const stats = await statIfThere(pathOf(digest), name);
    return stats?.isFile() ? stats.size : undefined;
  };

  return {
    path: pathOf,
    size,
    has: async (descriptor) => (await size(descriptor.digest)) === descriptor.size,

    open(descriptor, options) {
      const path = pathOf(descriptor.digest);
      const onMismatch = discardsDamaged ? () => removeIfDamaged(path, descriptor.digest) : undefined;
      return openBlob(path, descriptor, name, { ...options, onMismatch });
    },
    adopt: (path, digest) => moveInto(directory, path, digest, name),

    async put(content, expected, options = {}) {
      const there = expected.digest === undefined ? undefined : await size(expected.digest);
      if (expected.digest !== undefined && there !== undefined && there === (expected.size ?? there)) {
        return putResult(expected, expected.digest, there, 'existing');
      }
      return await temp.use(async (path) => {
        const written = await writeVerified(path, content, expected, name, options);
        await syncFolder(await moveInto(directory, path, written.digest, name));
        return putResult(expected, written.digest, written.size, 'sent');
      });
    },
  };
}

/** Writes a stream to a new file, hashing it on the way; removing it after a failure is left to the caller. */
export async function writeVerified(
  path: string,
  content: Content,
  expected: Expectation,
  name: string,
  { signal, onBytes }: PutOptions,
): Promise<{ digest: Digest; size: number }> {
  signal?.throwIfAborted();
  const digester = createDigester(
    expected.digest === undefined ? 'sha256' : digestAlgorithm(expected.digest),
  );
  const file = await open(path, 'wx', 0o644).catch((error: unknown) => {
    throw fileError(error, `cannot write to ${name}`);
  });
  try {
    const stream = await content.open();
    if (signal !== undefined) addAbortSignal(signal, stream);
    await drain(stream, file, digester, expected, name, onBytes);
    const digest = digester.digest();
    const wrong = mismatch(expected, digester.size, () => digest, name);
    if (wrong !== null) throw wrong;
    // For exchange between users, as skopeo and umoci write them; the folder's mode is where the umask counts.
    await file.chmod(0o644);
    await file.sync();
    return { digest, size: digester.size };
  } catch (error) {
    // An aborted stream only says that it was; the signal knows why.
    signal?.throwIfAborted();
    throw fileError(error, `cannot write to ${name}`);
  } finally {
    await file.close();
  }
}

/** One chunk is hashed while the one before it is being written. */
async function drain(
  stream: Readable,
  file: FileHandle,
  digester: Digester,
  expected: Expectation,
  name: string,
  onBytes: ((count: number) => void) | undefined,
): Promise<void> {
  const free = chunkFreer(stream);
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      digester.update(chunk);
      if (expected.size !== undefined && digester.size > expected.size) {
        throw sizeMismatch({ digest: expected.digest, size: expected.size }, digester.size, name);
      }
      onBytes?.(chunk.length);
      await writing;
      writing = writeAll(file, chunk).then(() => free(chunk));
      writing.catch(() => {
        // Awaited with the next chunk, or below.
      });
    }
  } finally {
    await writing;
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done, chunk.length - done)).bytesWritten;
  }
}

/** Gives the folder, which is not synced yet. */
async function moveInto(directory: string, from: string, digest: Digest, name: string): Promise<string> {
  const path = join(directory, blobPath(digest));
  const folder = dirname(path);
  try {
    await makeFolder(folder);
    await rename(from, path);
    return folder;
  } catch (error) {
    throw fileError(error, `cannot write to ${name}`);
  }
}

export interface FolderOptions {
  /** Default true. */
  readonly parents?: boolean;
  /** Whether it has to be there after a power cut. Default true. */
  readonly lasting?: boolean;
}

/** A folder its owner can use under any umask, and its parents. */
export async function makeFolder(
  path: string,
  mode = 0o755,
  { parents = true, lasting = true }: FolderOptions = {},
): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') {
      // A link to nowhere is there for mkdir, and not for stat.
      if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
      throw new DogwoodError('STORE_UNWRITABLE', `cannot make ${path}: what has that name is no folder`);
    }
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw fileError(error, `cannot make ${path}`);
    // /proc is there, takes no folders and says ENOENT: asked again and again, it would never end.
    if (!parents)
      throw new DogwoodError('STORE_UNWRITABLE', `cannot make ${path}: no folders can be made there`);
    await makeFolder(dirname(path), mode);
    return await makeFolder(path, mode, { parents: false, lasting });
  }
  const { mode: got } = await stat(path);
  if ((got & 0o700) !== 0o700) await chmod(path, (got & 0o777) | 0o700);
  if (lasting) await syncFolder(dirname(path));
}

/** Makes renames in a folder last through a power cut (fsync(2)). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

interface OpenBlobOptions extends OpenOptions {
  /** Waited for before a verified stream fails. */
  readonly onMismatch?: (() => Promise<void>) | undefined;
}

/** The bytes of a blob that lies in a file. Throws BLOB_NOT_FOUND; DIGEST_MISMATCH or SIZE_MISMATCH fail the stream. */
export async function openBlob(
  path: string,
  descriptor: Descriptor,
  name: string,
  { verify = true, offset = 0, signal, onMismatch }: OpenBlobOptions = {},
): Promise<Readable> {
  signal?.throwIfAborted();
  const stream = await openFile(path, descriptor, name, offset);
  const source = verify && offset === 0 ? verified(stream, descriptor, name, onMismatch) : stream;
  return signal === undefined ? source : addAbortSignal(signal, source);
}

async function openFile(
  path: string,
  descriptor: Descriptor,
  name: string,
  offset: number,
): Promise<Readable> {
  let file: FileHandle;
  try {
    // Non-blocking: somebody's layout may hold a FIFO of that name, which would wait for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw notFound(descriptor, name);
    throw fileError(error, `cannot read ${path}`);
  }
  try {
    if (!(await file.stat()).isFile()) throw notFound(descriptor, name);
  } catch (error) {
    await file.close();
    throw fileError(error, `cannot read ${path}`);
  }
  return withOwnChunks(file.createReadStream({ highWaterMark: CHUNK, start: offset }));
}

async function statIfThere(path: string, name: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `cannot read ${name}`);
  }
}

export function putResult(
  expected: Expectation,
  digest: Digest,
  size: number,
  outcome: PutResult['outcome'],
): PutResult {
  return { descriptor: { mediaType: expected.mediaType, digest, size }, outcome };
}
