import type { ByteSource } from './byte-reader.ts';

/** A block of the input. All but the last have exactly the block size; an empty input is one empty last block. */
export interface Block {
  readonly bytes: Buffer;
  readonly last: boolean;
}

/** Cuts the input anew, so that how it came makes no difference. The blocks are copies. */
export async function* blocksOf(
  source: ByteSource,
  blockBytes: number,
): AsyncGenerator<Block, void, undefined> {
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    for (let position = 0; position < chunk.length; ) {
      // A full block is given only once something follows: the last one must be known as such.
      if (filled === blockBytes) {
        yield { bytes: block, last: false };
        block = Buffer.allocUnsafeSlow(blockBytes);
        filled = 0;
      }
      const piece = chunk.subarray(position, position + blockBytes - filled);
      block.set(piece, filled);
      filled += piece.length;
      position += piece.length;
    }
  }
  yield { bytes: block.subarray(0, filled), last: true };
}

/**
 * Works on several items at once and gives the results in order. At most `parallel` are under way; what is under
 * way when the consumer leaves is let run out unseen.
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
    if (underWay.length >= parallel) yield await (underWay.shift() as Promise<R>);
  }
  for (const result of underWay) yield await result;
}
