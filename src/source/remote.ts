import { Readable } from 'node:stream';
import type { Content } from '../oci/content.ts';

/** The answer to a GET. */
export interface RemoteAnswer {
  readonly stream: Readable;
  /** Bytes, where the server says so. */
  readonly size: number | undefined;
}

export interface RemoteContent extends Content {
  readonly size: number | undefined;
  head(limit: number): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

interface Held {
  /** What was read to look at the head. */
  readonly chunks: Buffer[];
  readonly rest: AsyncIterator<Buffer>;
  readonly stream: Readable;
}

/**
 * Bytes behind a URL. It is asked at once, so that a wrong address shows early; the connection is held, looking at
 * the head costs no second request, and the first `open` goes on from there. Later opens ask again.
 */
export async function remoteContent(request: () => Promise<RemoteAnswer>): Promise<RemoteContent> {
  const first = await request();
  let held: Held | undefined = hold(first.stream);
  return {
    reopenable: true,
    size: first.size,
    async open() {
      if (!held) return (await request()).stream;
      const before = held;
      held = undefined;
      return Readable.from(resume(before), { objectMode: false, highWaterMark: 1024 * 1024 });
    },
    async head(limit) {
      held ??= hold((await request()).stream);
      let size = held.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      while (size < limit) {
        const next = await held.rest.next();
        if (next.done) break;
        held.chunks.push(next.value);
        size += next.value.length;
      }
      return Buffer.concat(held.chunks).subarray(0, limit);
    },
    async dispose() {
      held?.stream.destroy();
      held = undefined;
    },
  };
}

function hold(stream: Readable): Held {
  return { chunks: [], rest: (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator](), stream };
}

async function* resume({ chunks, rest, stream }: Held): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
    for (;;) {
      const next = await rest.next();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    stream.destroy();
  }
}
