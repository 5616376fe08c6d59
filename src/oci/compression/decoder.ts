import type { Transform } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { DogwoodError, type ErrorCode } from '../../errors.ts';
import type { ByteReader } from './byte-reader.ts';

/** One of `node:zlib`'s decompressing streams; `bytesWritten` counts the input that it has used. */
export type Decoder = Transform & { readonly bytesWritten: number };

const EMPTY = new Uint8Array(0);

/**
 * Output comes in pieces of 1 MiB (each costs a round trip to the main thread) and may run 2 MiB ahead: then the
 * thread pool inflates the next piece while the main thread hashes the last.
 */
export const DECODER_OPTIONS = { chunkSize: 1024 * 1024, readableHighWaterMark: 2 * 1024 * 1024 } as const;

/** Input handed over at once: with the 16 KiB pieces of a socket the round trips would double the time. */
const FEED_BYTES = 256 * 1024;

/** How the output of a decoder is used. */
export interface DecoderUse {
  /**
   * The consumer is done with each piece when it asks for the next one: its memory is then given back at once. Left
   * to the collector, which sees little of what lies outside the JavaScript heap, some 60 MiB pile up.
   */
  readonly lent?: boolean | undefined;
}

/**
 * Feeds a decoder from `input` and gives its output. When the compressed data ends within a chunk, what is behind
 * it is given back to `input`: that is how framing is seen, which node:zlib's own gunzip hides.
 *
 * @param code what bad data is called, GZIP_INVALID or ZSTD_INVALID; errors of the source pass unchanged
 */
export async function* runDecoder(
  decoder: Decoder,
  input: ByteReader,
  code: ErrorCode,
  { lent = false }: DecoderUse = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let sourceFailure: { readonly error: unknown } | undefined;
  const feeding = feed(decoder, input).catch((error: unknown) => {
    sourceFailure = { error };
    decoder.destroy();
  });
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer<ArrayBuffer>>) {
      yield chunk;
      if (lent) giveBack(chunk);
      // The event loop turns between two pieces: a decoder that has finished meanwhile gets its next one at once,
      // instead of when all that lies here was hashed.
      await turn();
    }
    // What was read too far is back in `input` before anyone reads on.
    await feeding;
  } catch (error) {
    if (sourceFailure === undefined) throw damaged(code, error);
  } finally {
    // Not awaited when the consumer leaves early: the source may be waiting for bytes that never come.
    decoder.destroy();
  }
  if (sourceFailure !== undefined) throw sourceFailure.error;
}

/** node:zlib fills its memory piece by piece, in order, and takes new one when it is full: the last piece frees it. */
function giveBack({ buffer, byteOffset, length }: Buffer<ArrayBuffer>): void {
  if (byteOffset + length === buffer.byteLength) buffer.transfer(0);
}

async function feed(decoder: Decoder, input: ByteReader): Promise<void> {
  let chunk = await input.pull(FEED_BYTES);
  while (chunk !== undefined && !decoder.destroyed) {
    const before = decoder.bytesWritten;
    // The source goes on while the decoder works.
    const [next] = await Promise.all([input.pull(FEED_BYTES), written(decoder, chunk)]);
    const used = decoder.bytesWritten - before;
    if (used < chunk.length) {
      input.unread(next ?? EMPTY);
      input.unread(chunk.subarray(used));
      return;
    }
    chunk = next;
  }
  decoder.end();
}

/** Resolves when the decoder is done with the chunk, or broken: its error comes out of the reading side. */
function written(decoder: Decoder, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    decoder.write(chunk, () => resolve());
  });
}

/** node:zlib's error as ours; its message says what is wrong with the data. */
export function damaged(code: ErrorCode, error: unknown): unknown {
  if (!(error instanceof Error) || !isDataError(error)) return error;
  const problem =
    (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? 'it was cut short' : error.message;
  return new DogwoodError(
    code,
    `the ${code === 'ZSTD_INVALID' ? 'zstd' : 'gzip'} data is damaged: ${problem}`,
    {
      cause: error,
    },
  );
}

function isDataError(error: NodeJS.ErrnoException): boolean {
  return /^(?:Z_|ZSTD_)/.test(error.code ?? '');
}
