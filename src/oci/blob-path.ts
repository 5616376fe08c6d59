import { type Digest, digestAlgorithm, digestHex } from './digest.ts';

/** Where a layout keeps a blob, below its root: `blobs/sha256/...` (image-spec image-layout.md, blobs). */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
