import { DogwoodError } from '../errors.ts';
import { decompress } from './compression/decompress.ts';
import { createDigester, type Digest, digestAlgorithm } from './digest.ts';
import type { Compression } from './media-types.ts';

/**
 * The tar inside a layer's bytes, ended with DIGEST_MISMATCH when it is not what the diffID names (image-spec
 * config.md, rootfs.diff_ids). The last bytes pass before that is known: nothing may be trusted until it ended well.
 *
 * @param what names the layer in the message
 * @throws DIGEST_MISMATCH, GZIP_INVALID, ZSTD_INVALID
 */
export async function* tarOfLayer(
  bytes: AsyncIterable<Uint8Array>,
  compression: Compression,
  diffId: Digest,
  what: string,
): AsyncGenerator<Uint8Array> {
  const digester = createDigester(digestAlgorithm(diffId));
  for await (const chunk of decompress(bytes, compression)) {
    digester.update(chunk);
    yield chunk;
  }
  const found = digester.digest();
  if (found === diffId) return;
  throw new DogwoodError('DIGEST_MISMATCH', `layer ${what} holds ${found}, the config says ${diffId}`);
}
