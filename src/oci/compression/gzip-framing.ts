import { crc32, createInflateRaw } from 'node:zlib';
import { DogwoodError } from '../../errors.ts';
import { ByteReader, type ByteSource } from './byte-reader.ts';
import { DECODER_OPTIONS, type DecoderUse, runDecoder } from './decoder.ts';
import { isGzipMagic, readGzipHeader } from './gzip-header.ts';

/** How a gzip file was put together, known once it was read to its end. */
export interface GzipFraming {
  /** Members, one behind the other. */
  readonly members: number;
  /** Exactly one member, which ends where the file ends: what every inflater reads alike. */
  readonly singleMember: boolean;
  /** Bytes of the file. */
  readonly compressedBytes: number;
  /** Bytes that came out. */
  readonly bytes: number;
}

/**
 * Inflates one raw deflate stream (RFC 1951) that begins where `input` stands, and leaves `input` behind its last
 * byte. Throws GZIP_INVALID for bad data.
 */
export type InflateRaw = (input: ByteReader, use?: DecoderUse) => AsyncIterable<Uint8Array>;

export interface GunzipOptions extends DecoderUse {
  /** Output bytes per input byte that are accepted once there are `ratioFromBytes`. Deflate reaches 1032. Default 200. */
  readonly maxRatio?: number | undefined;
  /** Output below this many bytes is no bomb, whatever its ratio. Default 64 MiB. */
  readonly ratioFromBytes?: number | undefined;
  /** Each member costs an inflater. Default 100,000, enough for bgzip's 64 KiB members in 6 GB. */
  readonly maxMembers?: number | undefined;
  /** Another inflater than node:zlib's. */
  readonly inflate?: InflateRaw | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StrictGunzip {
  /** To be read once. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Throws INTERNAL before `output` has ended well. */
  framing(): GzipFraming;
}

const DEFAULT_MAX_RATIO = 200;
const DEFAULT_RATIO_FROM_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_MEMBERS = 100_000;
const TRAILER_BYTES = 8;

/** The deflate inflater of node:zlib, on the thread pool. */
export const inflateRawWithNode: InflateRaw = (input, use) =>
  runDecoder(createInflateRaw(DECODER_OPTIONS), input, 'GZIP_INVALID', use);

/**
 * Gunzips a file nobody vouches for and sees its exact framing (RFC 1952). Inflaters differ in what they forgive:
 * igzip passes over garbage behind a member, Node over zeros, Go over neither; here both are refused.
 *
 * The output throws GZIP_INVALID (damaged, cut short, wrong checksum or length), GZIP_TRAILING_DATA, LIMIT_EXCEEDED,
 * and what the source throws.
 */
export function gunzipStrict(source: ByteSource, options: GunzipOptions = {}): StrictGunzip {
  const run = new GunzipRun(source, options);
  return { output: run.output(), framing: () => run.framing() };
}

class GunzipRun {
  readonly #input: ByteReader;
  readonly #options: GunzipOptions;
  readonly #maxRatio: number;
  readonly #ratioFromBytes: number;
  #members = 0;
  #bytes = 0;
  #ended = false;

  constructor(source: ByteSource, options: GunzipOptions) {
    this.#input = new ByteReader(source);
    this.#options = options;
    this.#maxRatio = options.maxRatio ?? DEFAULT_MAX_RATIO;
    this.#ratioFromBytes = options.ratioFromBytes ?? DEFAULT_RATIO_FROM_BYTES;
  }

  framing(): GzipFraming {
    if (!this.#ended)
      throw new DogwoodError('INTERNAL', 'the framing of a gzip file was asked for before its end');
    return {
      members: this.#members,
      singleMember: this.#members === 1,
      compressedBytes: this.#input.consumed,
      bytes: this.#bytes,
    };
  }

  async *output(): AsyncGenerator<Uint8Array, void, undefined> {
    const maxMembers = this.#options.maxMembers ?? DEFAULT_MAX_MEMBERS;
    try {
      do {
        if (++this.#members > maxMembers) {
          throw new DogwoodError('LIMIT_EXCEEDED', `the file has more than ${maxMembers} gzip members`);
        }
        yield* this.#member();
      } while (await this.#hasAnotherMember());
      this.#ended = true;
    } finally {
      await this.#input.close();
    }
  }

  async *#member(): AsyncGenerator<Uint8Array, void, undefined> {
    await readGzipHeader(this.#input);
    const start = this.#bytes;
    let sum = 0;
    const inflate = this.#options.inflate ?? inflateRawWithNode;
    for await (const chunk of inflate(this.#input, this.#options)) {
      this.#options.signal?.throwIfAborted();
      sum = crc32(chunk, sum);
      this.#bytes += chunk.length;
      this.#checkRatio();
      yield chunk;
    }
    await this.#checkTrailer(sum, this.#bytes - start);
  }

  #checkRatio(): void {
    if (this.#bytes <= this.#ratioFromBytes || this.#bytes <= this.#maxRatio * this.#input.consumed) return;
    throw new DogwoodError(
      'LIMIT_EXCEEDED',
      `the file unpacks to more than ${this.#maxRatio} times its size (maxRatio; ${this.#bytes} bytes from ${this.#input.consumed})`,
    );
  }

  async #checkTrailer(sum: number, length: number): Promise<void> {
    const trailer = Buffer.from(await this.#input.take(TRAILER_BYTES));
    if (trailer.length < TRAILER_BYTES) throw invalid('it was cut short');
    if (trailer.readUInt32LE(0) !== sum) throw invalid('its checksum is wrong');
    // ISIZE is the length modulo 2^32.
    if (trailer.readUInt32LE(4) !== length % 2 ** 32) throw invalid('its length is wrong');
  }

  async #hasAnotherMember(): Promise<boolean> {
    const head = await this.#input.take(2);
    if (head.length === 0) return false;
    this.#input.unread(head);
    if (isGzipMagic(head)) return true;
    throw new DogwoodError('GZIP_TRAILING_DATA', 'there is data behind the end of the gzip member');
  }
}

function invalid(problem: string): DogwoodError {
  return new DogwoodError('GZIP_INVALID', `the gzip data is damaged: ${problem}`);
}
