import { Readable } from 'node:stream';
import type { Descriptor } from './descriptor.ts';

/** Where a blob is known to lie already: lets a registry mount it instead of taking it again. */
export interface BlobOrigin {
  /** Registry host as requests go to it, for example `registry-1.docker.io` or `127.0.0.1:5000`. */
  readonly registry: string;
  readonly repository: string;
}

/** Bytes on their way into a target. */
export interface Content {
  /**
   * Opens the bytes from the beginning. Called again for a retry when `reopenable`; the caller consumes or
   * destroys each stream it opened.
   */
  open(): Promise<Readable>;
  /**
   * Opens the bytes from an offset on, where that is cheaper than to open them all and let the first ones go. Given
   * only by what is `reopenable`.
   */
  openAt?(offset: number): Promise<Readable>;
  /** False for standard input and the like: such content is sent once and cannot be retried. */
  readonly reopenable: boolean;
  /** Where the same blob may be mounted from, likeliest first. */
  readonly origins?: readonly BlobOrigin[] | undefined;
}

/** Content held in memory. */
export function bytesContent(bytes: Uint8Array): Content {
  const openAt = async (offset: number) => Readable.from([bytes.subarray(offset)], { objectMode: false });
  return { open: () => openAt(0), openAt, reopenable: true };
}

/** The stream without its first bytes, for content that can only be opened from the beginning. */
export function skipBytes(source: Readable, count: number): Readable {
  if (count === 0) return source;
  async function* rest(): AsyncGenerator<Uint8Array> {
    let left = count;
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      if (chunk.length > left) yield chunk.subarray(left);
      left = Math.max(0, left - chunk.length);
    }
  }
  return madeOf(source, rest());
}

/**
 * What is made of a stream, as a stream of its own. Whoever lets go of it lets go of the source, too: also before
 * having read of it, for a generator that was never begun does not come to its `finally`; and at once, for one that
 * waits for a source that stands still hears of nothing.
 *
 * @param highWaterMark bytes
 */
export function madeOf(source: Readable, made: AsyncIterable<Uint8Array>, highWaterMark?: number): Readable {
  source.on('error', () => {});
  const options = { objectMode: false, ...(highWaterMark === undefined ? {} : { highWaterMark }) };
  const stream = Readable.from(made, options);
  const destroy = stream._destroy.bind(stream);
  stream._destroy = (error, done) => {
    source.destroy();
    destroy(error, done);
  };
  return stream;
}

/** What the sender knows about content before it is read. Undefined digest or size are learnt while it streams. */
export interface Expectation {
  readonly mediaType: string;
  readonly digest?: Descriptor['digest'] | undefined;
  readonly size?: number | undefined;
}
