import type { Descriptor } from './descriptor.ts';
import { type Manifest, parseIndex, parseManifest } from './documents.ts';
import { isIndexType, isManifestType } from './media-types.ts';

const NOT_DISTRIBUTABLE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;

/**
 * A layer that may not be passed on, such as those of Windows base images: it lies at the `urls` of its descriptor,
 * which are never fetched (CVE-2020-15157).
 */
export function isForeignLayer(descriptor: Descriptor): boolean {
  return NOT_DISTRIBUTABLE.test(descriptor.mediaType);
}

/** What a manifest or index names and cannot be without, in its order. A `subject` is not part of an image. */
export function childrenOf(descriptor: Descriptor, bytes: Uint8Array): readonly Descriptor[] {
  const what = `${descriptor.digest}`;
  if (isIndexType(descriptor.mediaType)) return parseIndex(bytes, what).manifests;
  if (!isManifestType(descriptor.mediaType)) return [];
  const manifest: Manifest = parseManifest(bytes, what);
  return [manifest.config, ...manifest.layers];
}
