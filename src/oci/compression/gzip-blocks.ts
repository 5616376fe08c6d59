import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';
import { type Block, blocksOf, fitted, inOrder } from './blocks.ts';
import type { ByteSource } from './byte-reader.ts';

const deflate = promisify(deflateRaw) as (bytes: Uint8Array, options: object) => Promise<Buffer<ArrayBuffer>>;

/** Input of one deflate call. Part of what decides the bytes: see COMPRESSOR_ID. */
const BLOCK_BYTES = 1024 * 1024;
/** What deflate can look back to (RFC 1951), handed over from block to block so that cutting costs no ratio. */
const WINDOW_BYTES = 32 * 1024;

/** RFC 1952, section 2.3: no flags, no time, XFL 0 and OS 255 (unknown) whatever the level and the machine. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

interface Task {
  readonly block: Block;
  /** The last bytes of the block before. */
  readonly dictionary: Buffer | undefined;
}

/**
 * One gzip member whose deflate blocks are made in parallel: each piece of input is deflated with the 32 KiB before
 * it as dictionary and ends on a byte boundary (Z_SYNC_FLUSH), so the pieces join to one stream.
 */
export async function* gzipBlocks(
  source: ByteSource,
  level: number,
  parallel: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sum = 0;
  let length = 0;

  async function* tasks(): AsyncGenerator<Task, void, undefined> {
    let dictionary: Buffer | undefined;
    for await (const block of blocksOf(source, BLOCK_BYTES)) {
      signal?.throwIfAborted();
      sum = crc32(block.bytes, sum);
      length += block.bytes.length;
      const tail = Buffer.from(block.bytes.subarray(-WINDOW_BYTES));
      yield { block, dictionary };
      dictionary = tail;
    }
  }

  yield HEADER;
  yield* inOrder(tasks(), parallel, (task) => deflateBlock(task, level));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  yield trailer;
}

async function deflateBlock({ block, dictionary }: Task, level: number): Promise<Buffer> {
  const deflated = await deflate(block.bytes, {
    level,
    memLevel: 8,
    windowBits: 15,
    // Room for the whole result: it then comes back in one round trip.
    chunkSize: block.bytes.length + 64 * 1024,
    finishFlush: block.last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    ...(dictionary === undefined ? {} : { dictionary }),
  });
  block.release();
  return fitted(deflated);
}
