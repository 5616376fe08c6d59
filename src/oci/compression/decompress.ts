import { createGunzip } from 'node:zlib';
import type { Compression } from '../media-types.ts';
import { ByteReader, type ByteSource } from './byte-reader.ts';
import { DECODER_OPTIONS, runDecoder } from './decoder.ts';
import { zstdFrames } from './zstd-frames.ts';

/**
 * The uncompressed bytes of a layer that is vouched for by its digest: any number of gzip members or zstd frames.
 * For files of strangers see `gunzipStrict`.
 *
 * The output throws GZIP_INVALID, ZSTD_INVALID, and what the source throws.
 */
export async function* decompress(
  source: ByteSource,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteReader(source);
  try {
    if (compression === 'gzip') {
      yield* runDecoder(createGunzip(DECODER_OPTIONS), input, 'GZIP_INVALID');
      return;
    }
    if (compression === 'zstd') {
      yield* zstdFrames(input);
      return;
    }
    for (let chunk = await input.pull(); chunk !== undefined; chunk = await input.pull()) yield chunk;
  } finally {
    await input.close();
  }
}
