import { Readable } from 'node:stream';
import type { Content } from '../oci/content.ts';

interface RemoteContent extends Content {
  head(limit: number): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

/**
 * Bytes behind a URL. Looking at the head costs no second request: the connection is held, and the first `open`
 * goes on from there. Later opens ask again.
 */
export function remoteContent(request: () => Promise<Readable>): RemoteContent {
  let held:
    | { readonly chunks: Buffer[]; readonly rest: AsyncIterator<Buffer>; readonly stream: Readable }
    | undefined;

  async function* resume(
    chunks: readonly Buffer[],
    rest: AsyncIterator<Buffer>,
    stream: Readable,
  ): AsyncGenerator<Buffer> {
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

  return {
    reopenable: true,
    async open() {
      if (!held) return request();
      const { chunks, rest, stream } = held;
      held = undefined;
      return Readable.from(resume(chunks, rest, stream), { objectMode: false });
    },
    async head(limit) {
      if (!held) {
        const stream = await request();
        held = { chunks: [], rest: (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator](), stream };
      }
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
