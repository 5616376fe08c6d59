import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { DogwoodError } from '../errors.ts';
import { sniffCompression } from '../oci/compression/sniff.ts';
import { BLOCK_BYTES, decodeHeader, isZeroBlock } from '../oci/tar/header.ts';

/** Bytes of a file's head that are enough to see its first tar header, however well it is compressed. */
export const HEAD_BYTES = 64 * 1024;
/** A compressed tar header is not smaller. */
const SHORTEST_HEAD = 64;
/** What 64 KiB can become at most, several times over. */
const MAX_HEAD_OUTPUT = 128 * 1024 * 1024;

/** Does a tar archive begin here, compressed or not? An empty one counts. */
export function isTar(head: Uint8Array): boolean {
  try {
    const block = firstBlock(head);
    if (block === undefined) return false;
    if (isZeroBlock(block, 0, BLOCK_BYTES)) return true;
    decodeHeader(block, 0, false);
    return true;
  } catch (error) {
    // A compression that we know by name only, damaged data, or a block whose checksum is wrong.
    if (error instanceof DogwoodError || isDataError(error)) return false;
    throw error;
  }
}

/**
 * The first block of what the head holds. Only as much of the head is looked at as that takes: damage behind it is
 * for the strict reader to find, which says what is wrong.
 */
function firstBlock(head: Uint8Array): Buffer | undefined {
  for (let length = SHORTEST_HEAD; ; length *= 2) {
    const bytes = headOutput(head.subarray(0, length));
    if (bytes.length >= BLOCK_BYTES) return Buffer.from(bytes.subarray(0, BLOCK_BYTES));
    if (length >= Math.min(head.length, HEAD_BYTES)) return undefined;
  }
}

/** What the head of a file holds; cut off where the head is. Throws what node:zlib says of damaged data. */
export function headOutput(head: Uint8Array): Uint8Array {
  const cut = head.subarray(0, HEAD_BYTES);
  const compression = sniffCompression(cut);
  if (compression === 'gzip') {
    return gunzipSync(cut, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_HEAD_OUTPUT });
  }
  if (compression === 'zstd') {
    return zstdDecompressSync(cut, {
      finishFlush: constants.ZSTD_e_flush,
      maxOutputLength: MAX_HEAD_OUTPUT,
    });
  }
  return cut;
}

function isDataError(error: unknown): boolean {
  return error instanceof Error && /^(?:Z_|ZSTD_|ERR_)/.test((error as NodeJS.ErrnoException).code ?? '');
}
