import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { fileError } from '../oci/stores/file-errors.ts';
import type { TempFiles } from '../oci/stores/temp-files.ts';

const CHUNK_BYTES = 1024 * 1024;

/** A stream that can be read only once, kept in a file so that it can be read again. */
export interface Spool {
  /** Reads from the beginning, following the file while it still grows. Fails as the source did; DISK_FULL. */
  open(): Readable;
  /** Stops taking bytes in and removes the file. */
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
 * as fast as the source, and a second pass reads what lies there. Other than the stores' spool this one is not
 * complete when it returns.
 */
export async function spool(source: Readable, temp: TempFiles): Promise<Spool> {
  const file = await temp.reserve();
  const progress: Progress = {
    written: 0,
    ended: false,
    failure: undefined,
    changed: Promise.withResolvers<void>(),
  };
  const filling = fill(source, file.path, progress);
  return {
    open: () => Readable.from(follow(file.path, progress), { objectMode: false, highWaterMark: CHUNK_BYTES }),
    async dispose() {
      source.destroy();
      await filling;
      await file.dispose();
    },
  };
}

async function fill(source: Readable, path: string, progress: Progress): Promise<void> {
  const sink = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: CHUNK_BYTES });
  // Every write tells of its own failure; unheard, the event would end the process with the file left behind.
  sink.on('error', () => {});
  const tell = (): void => {
    progress.changed.resolve();
    progress.changed = Promise.withResolvers<void>();
  };
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      await new Promise<void>((resolve, reject) => {
        sink.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      progress.written += chunk.length;
      tell();
    }
    sink.end();
    await finished(sink);
    progress.ended = true;
  } catch (error) {
    progress.failure = fileError(error, 'cannot keep the source aside');
    sink.destroy();
  }
  tell();
}

async function* follow(path: string, progress: Progress): AsyncGenerator<Buffer> {
  // The file is there as soon as a byte of it is.
  while (progress.written === 0 && !progress.ended && progress.failure === undefined) {
    await progress.changed.promise;
  }
  if (progress.failure !== undefined) throw progress.failure;
  if (progress.written === 0) return;
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
