import { createZstdDecompress } from 'node:zlib';
import { DogwoodError } from '../../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { DECODER_OPTIONS, runDecoder } from './decoder.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/** Bytes of the dictionary id and of the content size, by the two bits that say so (RFC 8878, section 3.1.1.1). */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * The output of zstd frames, one behind the other. node:zlib's decompressor stops without an error at the end of a
 * frame that leaves room in its output buffer (seen in Node 24.21), and frames are how parallel compressors,
 * zstd:chunked and ours work; so the frames are told apart here and each gets a decompressor of its own.
 *
 * Throws ZSTD_INVALID, also for an empty input and for data behind the last frame.
 */
export async function* zstdFrames(input: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  do {
    const magic = await readMagic(input);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      await skipFrame(input);
    } else if (magic === MAGIC) {
      const frame = new ByteReader(frameBytes(input));
      yield* runDecoder(createZstdDecompress(DECODER_OPTIONS), frame, 'ZSTD_INVALID');
    } else {
      throw invalid('there is no zstd frame where one should be');
    }
  } while (!(await input.atEnd()));
}

function invalid(problem: string): DogwoodError {
  return new DogwoodError('ZSTD_INVALID', `the zstd data is damaged: ${problem}`);
}

async function readMagic(input: ByteReader): Promise<number> {
  const head = Buffer.from(await input.take(4));
  if (head.length < 4) throw invalid('it was cut short');
  input.unread(head);
  return head.readUInt32LE(0);
}

/** RFC 8878, section 3.1.2. */
async function skipFrame(input: ByteReader): Promise<void> {
  const head = Buffer.from(await input.take(8));
  if (head.length < 8) throw invalid('it was cut short');
  for (let missing = head.readUInt32LE(4); missing > 0; ) {
    const chunk = await input.pull();
    if (chunk === undefined) throw invalid('it was cut short');
    input.unread(chunk.subarray(missing));
    missing -= Math.min(missing, chunk.length);
  }
}

/** The bytes of the frame at which `input` stands, in the pieces they come in. */
async function* frameBytes(input: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const scanner = new FrameScanner();
  while (!scanner.done) {
    const chunk = await input.pull();
    if (chunk === undefined) throw invalid('it was cut short');
    const count = scanner.scan(chunk);
    input.unread(chunk.subarray(count));
    yield chunk.subarray(0, count);
  }
}

/** Finds the end of a frame by its block headers (RFC 8878, section 3.1.1). */
class FrameScanner {
  done = false;
  /** The structure being gathered: magic and frame header descriptor first, then block header after block header. */
  readonly #field = Buffer.alloc(5);
  #filled = 0;
  #wanted = 5;
  /** Bytes to pass over before the next structure. */
  #skip = 0;
  #inBlocks = false;
  #hasChecksum = false;
  #lastBlock = false;

  /** How many bytes of the chunk belong to the frame: all of them, unless it ends within. */
  scan(chunk: Uint8Array): number {
    let position = 0;
    while (position < chunk.length && !this.done) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, chunk.length - position);
        this.#skip -= count;
        position += count;
      } else {
        this.#field[this.#filled++] = chunk[position++] ?? 0;
        if (this.#filled === this.#wanted) this.#readField();
      }
      this.done = this.#lastBlock && this.#skip === 0;
    }
    return position;
  }

  #readField(): void {
    if (this.#inBlocks) this.#readBlockHeader(this.#field.readUIntLE(0, 3));
    else this.#readDescriptor(this.#field[4] ?? 0);
    this.#filled = 0;
    this.#wanted = 3;
    this.#inBlocks = true;
  }

  #readDescriptor(descriptor: number): void {
    const singleSegment = (descriptor & 0x20) !== 0;
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0);
    this.#skip = (singleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 0x03] ?? 0) + sizeBytes;
  }

  #readBlockHeader(header: number): void {
    const type = (header >> 1) & 0x03;
    if (type === RESERVED_BLOCK) throw invalid('a block of a reserved type');
    this.#lastBlock = (header & 1) === 1;
    this.#skip = type === RLE_BLOCK ? 1 : header >> 3;
    if (this.#lastBlock && this.#hasChecksum) this.#skip += CHECKSUM_BYTES;
  }
}
