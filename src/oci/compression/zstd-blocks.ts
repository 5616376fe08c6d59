import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { blocksOf, fitted, inOrder } from './blocks.ts';
import type { ByteSource } from './byte-reader.ts';

const compressFrame = promisify(zstdCompress);

/** Input of one frame. Part of what decides the bytes: see COMPRESSOR_ID. */
const BLOCK_BYTES = 2 * 1024 * 1024;

/** Memory for output, taken as often as needed; a block compresses into one or two. */
const OUTPUT_BYTES = 1024 * 1024;

/** One zstd frame for each 2 MiB of input (RFC 8878, section 3: frames may follow one another). */
export async function* zstdBlocks(
  source: ByteSource,
  level: number,
  parallel: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* inOrder(blocksOf(source, BLOCK_BYTES), parallel, async ({ bytes, release }) => {
    signal?.throwIfAborted();
    const frame = await compressFrame(bytes, {
      params: { [constants.ZSTD_c_compressionLevel]: level },
      pledgedSrcSize: bytes.length,
      chunkSize: OUTPUT_BYTES,
    });
    release();
    return fitted(frame);
  });
}
