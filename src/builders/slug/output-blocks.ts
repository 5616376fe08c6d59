/** Gathers pieces of all sizes into few, so that a header costs neither a call nor memory of its own. */
export interface OutputBlocks {
  /** Takes a piece in. A large one is kept as it is and must stay valid until it was taken out. */
  add(bytes: Uint8Array): void;
  /** What was added since, in order. */
  take(): readonly Uint8Array[];
}

/** Pieces from this size on are passed on uncopied. */
const LARGE_BYTES = 32 * 1024;
const BLOCK_BYTES = 256 * 1024;

/**
 * @param again use the memory of blocks again with the `add` that follows a `take`: what is thrown away outside the
 *   JavaScript heap is collected late, and peak memory is promised
 */
export function createOutputBlocks(again: boolean): OutputBlocks {
  const blocks: Buffer[] = [];
  let used = 0;
  /** The block being filled, and what of it is not in `pieces` yet. */
  let filling: Buffer | undefined;
  let start = 0;
  let end = 0;
  let pieces: Uint8Array[] = [];

  const flush = (): void => {
    if (filling !== undefined && end > start) pieces.push(filling.subarray(start, end));
    start = end;
  };

  const next = (): Buffer => {
    flush();
    const block = blocks[used] ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    blocks[used++] = block;
    filling = block;
    start = 0;
    end = 0;
    return block;
  };

  return {
    add(bytes) {
      if (bytes.length === 0) return;
      if (bytes.length >= LARGE_BYTES) {
        flush();
        pieces.push(bytes);
        return;
      }
      const block = filling === undefined || end + bytes.length > BLOCK_BYTES ? next() : filling;
      block.set(bytes, end);
      end += bytes.length;
    },
    take() {
      flush();
      const taken = pieces;
      pieces = [];
      filling = undefined;
      used = 0;
      if (!again) blocks.length = 0;
      return taken;
    },
  };
}
