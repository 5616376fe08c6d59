import type { ByteSource } from './byte-reader.ts';

/** A block of the input. All but the last have exactly the block size; an empty input is one empty last block. */
export interface Block {
  readonly bytes: Buffer;
  readonly last: boolean;
  /** Gives the memory back for a later block; the bytes must not be read afterwards. */
  release(): void;
}

/** Cuts the input anew, so that how it came makes no difference. The blocks are copies. */
export async function* blocksOf(
  source: ByteSource,
  blockBytes: number,
): AsyncGenerator<Block, void, undefined> {
  // Used again and again: garbage outside the JavaScript heap is collected late, and peak memory is promised.
  const free: Buffer<ArrayBuffer>[] = [];
  const block = (memory: Buffer<ArrayBuffer>, length: number, last: boolean): Block => ({
    bytes: memory.subarray(0, length),
    last,
    release: () => free.push(memory),
  });
  let memory = Buffer.allocUnsafeSlow(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    for (let position = 0; position < chunk.length; ) {
      // A full block is given only once something follows: the last one must be known as such.
      if (filled === blockBytes) {
        yield block(memory, filled, false);
        memory = free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
        filled = 0;
      }
      const piece = chunk.subarray(position, position + blockBytes - filled);
      memory.set(piece, filled);
      filled += piece.length;
      position += piece.length;
    }
  }
  yield block(memory, filled, true);
}

/**
 * A compressor's result in memory of its own size. It comes in memory that would hold the input, and what waits to be
 * written, and then for the collector, would be several times larger.
 */
export function fitted(result: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
  const { buffer, byteOffset, length } = result;
  // Small ones share the memory of Buffer's pool with others.
  if (byteOffset !== 0 || buffer.byteLength <= Buffer.poolSize) return result;
  return length < buffer.byteLength ? Buffer.from(buffer.transfer(length)) : result;
}

/**
 * Works on several items at once and gives the results in order. At most `parallel` are under way; what is under
 * way when the consumer leaves runs out unseen.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  parallel: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // Its failure is thrown when its turn comes; until then it is no unhandled one.
    result.catch(() => undefined);
    underWay.push(result);
    const first = underWay.length >= parallel ? underWay.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const result of underWay) yield await result;
}
