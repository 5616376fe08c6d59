import { z } from 'zod';
import type { RememberedLayers } from '../oci/archives/ingest.ts';
import { COMPRESSOR_ID } from '../oci/compression/compress.ts';
import { isDigest } from '../oci/digest.ts';
import { ociLayerType } from '../oci/media-types.ts';
import type { Facts } from './builder.ts';

const KIND = 'compressed-layer';

const remembered = z.object({ digest: z.string().refine(isDigest), size: z.int().nonnegative() });

/**
 * What became of layers that were compressed in earlier runs: an engine that hands the same layer out again, without
 * compression, does not cost compressing it again. Another compressor gives other bytes, hence its id in the key.
 */
export function rememberedLayers({ verdicts }: Facts): RememberedLayers {
  const key = (diffId: string, compression: string) => `${diffId} ${compression} ${COMPRESSOR_ID}`;
  return {
    async get(diffId, compression) {
      const found = remembered.safeParse(await verdicts.get(KIND, key(diffId, compression)));
      return found.success ? { mediaType: ociLayerType(compression), ...found.data } : undefined;
    },
    put: (diffId, compression, { digest, size }) =>
      verdicts.put(KIND, key(diffId, compression), { digest, size }),
  };
}
