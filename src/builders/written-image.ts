import { bytesContent } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { layerCompression, ociLayerType } from '../oci/media-types.ts';
import { viewTarget } from '../oci/stores/view.ts';
import type { Target } from '../oci/target.ts';
import { canonicalJson } from '../plan/build-plan.ts';
import type { LayerOrigin } from '../plan/result.ts';
import type { ResolvedImage } from './builder.ts';

// What every builder needs that writes config and manifest itself: layers of its own over those of a base.

/** The OCI name of a layer type: mixing Docker's and OCI's in one manifest makes readers stumble (skopeo, GHCR). */
export function asOciLayer({ mediaType, digest, size }: Descriptor): Descriptor {
  const compression = layerCompression(mediaType);
  return { mediaType: compression === undefined ? mediaType : ociLayerType(compression), digest, size };
}

/** Puts a config or manifest, as canonical JSON, so that the same value always has the same digest. */
export async function putDocument(
  value: unknown,
  mediaType: string,
  into: Target,
  signal: AbortSignal,
): Promise<Descriptor> {
  const bytes = Buffer.from(canonicalJson(value));
  const expected = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await into.put(bytesContent(bytes), expected, { signal });
  return expected;
}

/** Where every blob can be read: the large layer in the sink, the base's where they are, small ones in memory. */
export function imageView(
  layer: Digest,
  sink: Target,
  base: ResolvedImage | undefined,
  small: Target,
): Target {
  const baseLayers = new Set<Digest>(base?.image.layers.map(({ descriptor }) => descriptor.digest));
  return viewTarget('the image built', ({ digest }) => {
    if (digest === layer) return sink;
    return base && baseLayers.has(digest) ? base.from : small;
  });
}

/** Where each layer comes from: the base's, and those that were added. */
export function layerOrigins(
  base: ResolvedImage | undefined,
  added: readonly { readonly descriptor: Descriptor; readonly origin: LayerOrigin }[],
): Map<Digest, LayerOrigin> {
  const origins = new Map<Digest, LayerOrigin>();
  for (const { descriptor } of base?.image.layers ?? []) origins.set(descriptor.digest, 'base');
  for (const { descriptor, origin } of added) origins.set(descriptor.digest, origin);
  return origins;
}
