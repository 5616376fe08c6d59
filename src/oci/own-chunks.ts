import type { Readable } from 'node:stream';

const OWN_CHUNKS = Symbol('each chunk is memory of its own');

/** Says of a stream that each of its chunks is memory which nobody but its reader holds. */
export function withOwnChunks<T extends Readable>(stream: T): T {
  return Object.assign(stream, { [OWN_CHUNKS]: true });
}

/**
 * What frees the chunks of a stream, one by one, when all is done with them: at once, and for the next chunk, whose
 * pages are then known to the kernel. Left to the collector, which sees little of what lies outside the JavaScript
 * heap, they pile up. Does nothing for streams that are not known to own their chunks.
 */
export function chunkFreer(stream: Readable): (chunk: Uint8Array) => void {
  return OWN_CHUNKS in stream ? free : () => {};
}

/** A small chunk may share its memory with others. */
function free({ buffer, length }: Uint8Array): void {
  if (length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
