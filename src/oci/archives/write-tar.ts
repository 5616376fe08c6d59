import { once } from 'node:events';
import { type FileHandle, lstat, open, realpath, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DogwoodError } from '../../errors.ts';
import { syncFolder } from '../stores/blob-files.ts';
import { fileError } from '../stores/file-errors.ts';
import { createTempFiles } from '../stores/temp-files.ts';
import { BLOCK_BYTES, MAX_OCTAL_11 } from '../tar/header.ts';
import { createTarWriter } from '../tar/writer.ts';

type ByteSource = AsyncIterable<Uint8Array>;

/** An archive that is being written: plain files, all owned by root, of the year 1970, so that its bytes say nothing else. */
export interface TarOut {
  bytes(path: string, content: Uint8Array): Promise<void>;
  /** Throws SIZE_MISMATCH when the source is not exactly that many bytes. */
  stream(path: string, source: ByteSource, size: number, onBytes?: (count: number) => void): Promise<void>;
}

export interface SeekableTarOut extends TarOut {
  /** A member whose size is only known when it was written; gives the size. */
  unsized(path: string, source: () => Promise<ByteSource>): Promise<number>;
}

const writer = createTarWriter();
const ROOT_FILE = { type: 'file', mode: 0o644, mtime: 0, uid: 0, gid: 0 } as const;

/** Writes an archive to a path, where it appears when it is whole, or to a stream, which is ended. */
export async function writeTar(
  out: string | Writable,
  signal: AbortSignal | undefined,
  work: (tar: TarOut) => Promise<void>,
): Promise<void> {
  if (typeof out === 'string') return await writeTarFile(out, signal, work);
  const stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  const piped = pipeline(stream, out, { signal });
  // Told below, whenever the work has come that far.
  piped.catch(() => {});
  const write = async (chunk: Uint8Array): Promise<void> => {
    // A stream whose other end broke calls nobody back: the pipeline knows.
    if (stream.destroyed) return await piped;
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), piped]);
  };
  try {
    await work(tarOut(write, signal));
    stream.end(writer.trailer());
  } catch (error) {
    stream.destroy(error as Error);
    // Where the other end broke first, that is what there is to say.
    await piped;
    throw error;
  }
  await piped;
}

/** Writes an archive to a path, under which it appears only when it is whole and on the disk. */
export async function writeTarFile(
  path: string,
  signal: AbortSignal | undefined,
  work: (tar: SeekableTarOut) => Promise<void>,
): Promise<void> {
  const target = await fileToWrite(path);
  await createTempFiles(dirname(target)).use(async (temporary) => {
    try {
      const file = await open(temporary, 'wx', 0o644);
      try {
        const tar = seekableTarOut(file, signal);
        await work(tar);
        await tar.end();
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
      await syncFolder(dirname(target));
    } catch (error) {
      signal?.throwIfAborted();
      throw fileError(error, `cannot write ${path}`);
    }
  });
}

function tarOut(write: (chunk: Uint8Array) => Promise<void>, signal: AbortSignal | undefined): TarOut {
  const stream: TarOut['stream'] = async (path, source, size, onBytes) => {
    try {
      await write(writer.header({ ...ROOT_FILE, path, size }));
    } catch (error) {
      // Nobody reads it any more, and it is open already.
      if (source instanceof Readable) source.destroy();
      throw error;
    }
    let written = 0;
    for await (const chunk of source) {
      signal?.throwIfAborted();
      written += chunk.length;
      if (written > size) break;
      await write(chunk);
      onBytes?.(chunk.length);
    }
    if (written !== size) {
      const came = written > size ? 'more' : `${written}`;
      throw new DogwoodError('SIZE_MISMATCH', `${path} should have ${size} bytes, ${came} came`);
    }
    await write(writer.padding(size));
  };
  return {
    stream,
    bytes: (path, content) => stream(path, onePiece(content), content.length),
  };
}

function seekableTarOut(
  file: FileHandle,
  signal: AbortSignal | undefined,
): SeekableTarOut & { end(): Promise<void> } {
  let position = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    await writeAll(file, chunk, position);
    position += chunk.length;
  };
  const out = tarOut(write, signal);
  return {
    ...out,
    async end() {
      await write(writer.trailer());
      // A member written again may have been longer the first time.
      await file.truncate(position);
    },
    async unsized(path, source) {
      const start = position;
      position += BLOCK_BYTES;
      let size = 0;
      for await (const chunk of await source()) {
        signal?.throwIfAborted();
        await write(chunk);
        size += chunk.length;
      }
      if (size > MAX_OCTAL_11) {
        // Beyond 8 GiB the header is longer than the block left for it: once more, with the size known.
        position = start;
        await out.stream(path, await source(), size);
        return size;
      }
      await writeAll(file, writer.header({ ...ROOT_FILE, path, size }), start);
      await write(writer.padding(size));
      return size;
    },
  };
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/**
 * Throws STORE_UNWRITABLE where an archive could not be written for reasons that show beforehand, so that nobody makes
 * an image for it first.
 */
export async function checkArchivePath(path: string): Promise<void> {
  await fileToWrite(path);
}

/**
 * The file that is to be written or replaced. A link is followed, and what is no file is refused: a rename would put
 * a file in its place, be it /dev/null or /dev/stdout.
 */
async function fileToWrite(path: string): Promise<string> {
  const refuse = (why: string): never => {
    throw new DogwoodError('STORE_UNWRITABLE', `cannot write ${path}: ${why}`, {
      hint: 'Name a new file, or one to be replaced, in a folder that can be written.',
    });
  };
  const file = await realpath(path).catch(() => path);
  const found = await lstat(file).catch(() => undefined);
  if (found?.isDirectory()) refuse('it is a folder');
  if (found?.isFile() === false) refuse('what has that name is no file');
  const folder = await stat(dirname(file)).catch(() => undefined);
  if (!folder?.isDirectory()) refuse(`there is no folder ${dirname(file)}`);
  return file;
}
