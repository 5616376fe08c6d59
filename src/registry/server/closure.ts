import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { parseIndex, parseManifest } from '../../oci/documents.ts';
import { isIndexType, isManifestOrIndexType } from '../../oci/media-types.ts';

/** What one manifest or index names. */
export interface Members {
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
  readonly subject: Digest | undefined;
}

/** Everything that some manifests lead to. */
export interface Closure {
  readonly manifests: ReadonlyMap<Digest, Descriptor>;
  readonly blobs: ReadonlyMap<Digest, Descriptor>;
  readonly referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
  /** False when a manifest could not be read, which another time may be there. */
  readonly whole: boolean;
}

/** Throws MANIFEST_INVALID. */
export function membersOf(descriptor: Descriptor, bytes: Uint8Array): Members {
  const what = `${descriptor.digest}`;
  if (isIndexType(descriptor.mediaType)) {
    const { manifests, subject } = parseIndex(bytes, what);
    const isDocument = ({ mediaType }: Descriptor) => isManifestOrIndexType(mediaType);
    return {
      manifests: manifests.filter(isDocument),
      blobs: manifests.filter((entry) => !isDocument(entry)),
      subject: subject?.digest,
    };
  }
  const { config, layers, subject } = parseManifest(bytes, what);
  return { manifests: [], blobs: [config, ...layers], subject: subject?.digest };
}

/**
 * Walks from the named manifests down; a manifest without a name joins when what it refers to with `subject` is
 * there, and so on (distribution-spec, "Listing Referrers").
 *
 * @param unnamed manifests that no name leads to, of whichever repository
 * @param read undefined where a manifest is missing or damaged
 */
export async function closureOf(
  named: readonly Descriptor[],
  unnamed: readonly Descriptor[],
  read: (manifest: Descriptor) => Promise<Members | undefined>,
): Promise<Closure> {
  const manifests = new Map<Digest, Descriptor>();
  const blobs = new Map<Digest, Descriptor>();
  const referrers = new Map<Digest, Descriptor[]>();
  let whole = true;
  const walk = async (starts: readonly Descriptor[]): Promise<void> => {
    const waiting = [...starts];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (manifests.has(next.digest)) continue;
      const members = await read(next);
      if (members === undefined) whole = false;
      manifests.set(next.digest, next);
      for (const blob of members?.blobs ?? []) blobs.set(blob.digest, blob);
      waiting.push(...(members?.manifests ?? []));
      if (members?.subject !== undefined) {
        referrers.set(members.subject, [...(referrers.get(members.subject) ?? []), next]);
      }
    }
  };
  await walk(named);
  for (let found = true; found; ) {
    found = false;
    for (const root of unnamed) {
      if (manifests.has(root.digest)) continue;
      const subject = (await read(root))?.subject;
      if (subject === undefined || !manifests.has(subject)) continue;
      await walk([root]);
      found = true;
    }
  }
  return { manifests, blobs, referrers, whole };
}
