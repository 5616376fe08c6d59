import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

const CHUNK_BYTES = 1024 * 1024;

/** A stream that can be read only once, kept in a file so that it can be read again. */
export interface Spool {
  /** Reads from the beginning, following the file while it still grows. */
  open(): Readable;
  /** Stops taking bytes in and removes the file. */
  dispose(): Promise<void>;
}

/**
 * Starts writing `source` into a new file of `folder`; readers need not wait for its end. The first reader therefore
 * goes as fast as the source, and a second pass reads what lies there.
 */
export async function spool(source: Readable, folder: string): Promise<Spool> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `spool-${process.pid}-${randomUUID()}`);
  const sink = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: CHUNK_BYTES });
  const state = { written: 0, ended: false, failure: undefined as Error | undefined };
  let wake = Promise.withResolvers<void>();
  const progress = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };

  const filling = (async () => {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      await new Promise<void>((resolve, reject) => {
        sink.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      state.written += chunk.length;
      progress();
    }
    sink.end();
    await finished(sink);
  })().then(
    () => {
      state.ended = true;
      progress();
    },
    (error: unknown) => {
      state.failure = error instanceof Error ? error : new Error(String(error));
      progress();
    },
  );

  async function* follow(): AsyncGenerator<Buffer> {
    // Written by this process, so the file is there as soon as a byte is.
    while (state.written === 0 && !state.ended && !state.failure) await wake.promise;
    if (state.failure) throw state.failure;
    if (state.written === 0) return;
    const file = await open(path, 'r');
    try {
      let offset = 0;
      for (;;) {
        if (state.failure) throw state.failure;
        if (offset === state.written) {
          if (state.ended) return;
          await wake.promise;
          continue;
        }
        const size = Math.min(CHUNK_BYTES, state.written - offset);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, offset);
        offset += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  return {
    open: () => Readable.from(follow(), { objectMode: false, highWaterMark: CHUNK_BYTES }),
    async dispose() {
      source.destroy();
      sink.destroy();
      await filling;
      await rm(path, { force: true });
    },
  };
}
