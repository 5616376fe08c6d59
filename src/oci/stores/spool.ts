import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileError } from './file-errors.ts';
import type { TempFiles } from './temp-files.ts';

const CHUNK_BYTES = 1024 * 1024;

/** A stream that can be read only once, kept in a file so that it can be read again. */
export interface Spool {
  /** Where the file lies; all of it once `whole` has resolved. */
  readonly path: string;
  /** Reads from the beginning, following the file while it still grows. Fails as the source did; DISK_FULL. */
  open(): Readable;
  /** Waits until everything lies in the file. Fails as the source did; DISK_FULL. */
  whole(): Promise<void>;
  /** Stops taking bytes in and removes the file; if the process dies first, the next one that uses the folder does. */
  dispose(): Promise<void>;
}

/** How far the file has come, and a way to wait until it has come further. */
interface Progress {
  written: number;
  ended: boolean;
  failure: unknown;
  changed: PromiseWithResolvers<void>;
}

/**
 * Starts writing `source` into a temporary file; readers need not wait for its end. The first reader therefore goes
 * as fast as the source, and a second pass reads what lies there. The source is destroyed when this fails.
 *
 * @throws STORE_UNWRITABLE, DISK_FULL when no file can be made; what goes wrong later is told to the readers
 */
export async function spool(source: Readable, temp: TempFiles): Promise<Spool> {
  const reserved = await temp.reserve().catch((error: unknown) => {
    source.destroy();
    throw error;
  });
  const { path } = reserved;
  const file = await open(path, 'wx', 0o600).catch(async (error: unknown) => {
    source.destroy();
    await reserved.dispose();
    throw keepFailure(error);
  });
  const progress: Progress = {
    written: 0,
    ended: false,
    failure: undefined,
    changed: Promise.withResolvers<void>(),
  };
  const filling = fill(source, file, progress);
  return {
    path,
    open: () => Readable.from(follow(path, progress), { objectMode: false, highWaterMark: CHUNK_BYTES }),
    async whole() {
      await filling;
      if (progress.failure !== undefined) throw progress.failure;
    },
    async dispose() {
      source.destroy();
      await filling;
      await reserved.dispose();
    },
  };
}

async function fill(source: Readable, file: FileHandle, progress: Progress): Promise<void> {
  const tell = (): void => {
    progress.changed.resolve();
    progress.changed = Promise.withResolvers<void>();
  };
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      // Goes on where the last one ended, however many writes one chunk takes.
      await file.writeFile(chunk);
      progress.written += chunk.length;
      tell();
    }
    progress.ended = true;
  } catch (error) {
    progress.failure = keepFailure(error);
  } finally {
    await file.close();
  }
  tell();
}

function keepFailure(error: unknown): unknown {
  return fileError(error, 'cannot keep the source aside');
}

async function* follow(path: string, progress: Progress): AsyncGenerator<Buffer> {
  if (progress.failure !== undefined) throw progress.failure;
  const file = await open(path, 'r');
  try {
    let offset = 0;
    for (;;) {
      if (progress.failure !== undefined) throw progress.failure;
      if (offset < progress.written) {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, progress.written - offset));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
        offset += bytesRead;
        yield chunk.subarray(0, bytesRead);
      } else if (progress.ended) {
        return;
      } else {
        await progress.changed.promise;
      }
    }
  } finally {
    await file.close();
  }
}
