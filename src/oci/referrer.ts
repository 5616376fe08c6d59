import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { parseIndex, parseManifest } from './documents.ts';
import { isIndexType, isManifestType } from './media-types.ts';

/** What a manifest or index refers to with `subject`: it is a referrer of that. Throws MANIFEST_INVALID. */
export function subjectOf({ mediaType, digest }: Descriptor, bytes: Uint8Array): Digest | undefined {
  // Almost none has one, and large documents take long to read.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('"subject"')) return undefined;
  if (isIndexType(mediaType)) return parseIndex(bytes, digest).subject?.digest;
  return isManifestType(mediaType) ? parseManifest(bytes, digest).subject?.digest : undefined;
}

/**
 * A manifest or index as a list of referrers has it: with its annotations, and its artifact type or, without one, that
 * of its config (distribution-spec, "Listing Referrers"). Throws MANIFEST_INVALID.
 */
export function referrerEntry({ mediaType, digest, size }: Descriptor, bytes: Uint8Array): Descriptor {
  const { artifactType, annotations, config } = isIndexType(mediaType)
    ? { ...parseIndex(bytes, digest), config: undefined }
    : parseManifest(bytes, digest);
  const type = artifactType || config?.mediaType;
  return {
    mediaType,
    digest,
    size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
