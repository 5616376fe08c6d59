import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';

/** What one repository holds at one moment: all that its names lead to, and nothing else. */
export interface RepositoryContent {
  /** In the order of their bytes. */
  readonly tags: readonly string[];
  /** A manifest or index by tag or digest. */
  manifest(reference: string): Descriptor | undefined;
  /** A config or layer. */
  blob(digest: Digest): Descriptor | undefined;
  /** The manifests whose `subject` is this digest, in the order of their digests. */
  referrers(subject: Digest): readonly Descriptor[];
}

/** What a pull-only registry serves. The local store is one; a service may have another. */
export interface PullContent {
  /** Undefined where nothing has that name. */
  repository(name: string): Promise<RepositoryContent | undefined>;
  /** A manifest or index, whole and verified. Throws BLOB_NOT_FOUND, DIGEST_MISMATCH, SIZE_MISMATCH. */
  read(manifest: Descriptor): Promise<Uint8Array>;
  /** Path of the file of a blob. */
  blobFile(digest: Digest): string;
  /** The bytes of a blob were not what its name says: whoever can, lets go of it. */
  discardDamaged(blob: Descriptor): Promise<void>;
}
