import type { Descriptor } from '../descriptor.ts';
import type { ImageIndexDocument } from '../documents.ts';
import { CONTAINERD_NAME, indexEntry, REF_NAME } from '../listing.ts';
import { MEDIA_TYPES } from '../media-types.ts';

/** The index.json of a layout with nothing in it. */
export const EMPTY_INDEX: ImageIndexDocument = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: [],
};

/**
 * The index in which the tag means this image. Whatever had the tag loses it, and its entry when nothing else is said
 * in it (its bytes stay); all other entries, whoever wrote them, stay as they are.
 */
export function withTag(index: ImageIndexDocument, descriptor: Descriptor, tag: string): ImageIndexDocument {
  const others: Descriptor[] = [];
  let unnamed: Descriptor | undefined;
  for (const entry of index.manifests) {
    if (entry.annotations?.[REF_NAME] === tag && entry.annotations[CONTAINERD_NAME] === undefined) {
      const { [REF_NAME]: _, ...rest } = entry.annotations;
      if (Object.keys(rest).length > 0) others.push({ ...entry, annotations: rest });
    } else if (entry.digest === descriptor.digest && entry.annotations?.[REF_NAME] === undefined) {
      // The same image without a name gets this one, as other tools do it.
      if (unnamed !== undefined) others.push(unnamed);
      unnamed = entry;
    } else {
      others.push(entry);
    }
  }
  const named = unnamed ?? indexEntry(descriptor);
  const annotations = { ...named.annotations, [REF_NAME]: tag };
  return { ...index, manifests: [...others, { ...named, annotations }] };
}

/** The index in which the image is listed, with or without a name. */
export function withEntry(index: ImageIndexDocument, descriptor: Descriptor): ImageIndexDocument {
  if (index.manifests.some((entry) => entry.digest === descriptor.digest)) return index;
  return { ...index, manifests: [...index.manifests, indexEntry(descriptor)] };
}
