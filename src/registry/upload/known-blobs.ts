import type { BlobOrigin } from '../../oci/content.ts';
import type { Digest } from '../../oci/digest.ts';
import { canonicalRegistry } from '../../oci/reference.ts';
import type { RetryPolicy } from '../http/retry.ts';

/** What earlier runs saw of blobs in registries: hints for mounting, no proof. It never throws. */
export interface BlobLocations {
  /** Where the blob was seen in a registry, latest first. */
  of(digest: Digest, registry: string): Promise<readonly BlobOrigin[]>;
  /** Keeps what this run put somewhere, or found there; whoever implements it decides when it is written. */
  seen(digest: Digest, origin: BlobOrigin, how: 'put' | 'found'): void;
  forget(digest: Digest, origin: BlobOrigin): void;
}

/** Which blobs lie in which repositories, as far as this run and earlier ones know. */
export interface KnownBlobs {
  /** Was put or found there a moment ago; its bytes. Only what is there is remembered, never what is not. */
  size(place: BlobOrigin, digest: Digest): number | undefined;
  /** It lies there: pushed or mounted (`put`), or found. */
  add(place: BlobOrigin, digest: Digest, size: number, how: 'put' | 'found'): void;
  /** It does not, whatever was seen. */
  remove(place: BlobOrigin, digest: Digest): void;
  /** Other repositories of that registry it could be mounted from, latest first. */
  elsewhere(place: BlobOrigin, digest: Digest): Promise<readonly BlobOrigin[]>;
  /** The registry did not mount it from there. */
  declined(from: BlobOrigin, digest: Digest): void;
}

/**
 * Milliseconds for which what is there is believed to be there. No lease: a collector may take it any time
 * (korifi#2381), and the manifest's refusal is what tells.
 */
const LIFE = 60_000;

const NOWHERE: BlobLocations = { of: async () => [], seen: () => {}, forget: () => {} };

/** Registries are told apart by their canonical names, so that `docker.io` and `index.docker.io` are one. */
export function createKnownBlobs(
  clock: RetryPolicy['clock'],
  locations: BlobLocations = NOWHERE,
): KnownBlobs {
  const blobs = new Map<string, Map<string, { readonly size: number; readonly at: number }>>();
  const declined = new Set<string>();
  const keyOf = (registry: string, digest: Digest): string => `${canonicalRegistry(registry)}@${digest}`;
  const canonical = ({ registry, repository }: BlobOrigin): BlobOrigin => ({
    registry: canonicalRegistry(registry),
    repository,
  });
  return {
    size(place, digest) {
      const found = blobs.get(keyOf(place.registry, digest))?.get(place.repository);
      return found !== undefined && clock() - found.at < LIFE ? found.size : undefined;
    },
    add(place, digest, size, how) {
      const key = keyOf(place.registry, digest);
      const there = blobs.get(key) ?? new Map();
      blobs.set(key, there);
      // The latest is the last in the map.
      there.delete(place.repository);
      there.set(place.repository, { size, at: clock() });
      locations.seen(digest, canonical(place), how);
    },
    remove(place, digest) {
      blobs.get(keyOf(place.registry, digest))?.delete(place.repository);
      locations.forget(digest, canonical(place));
    },
    async elsewhere(place, digest) {
      const registry = canonicalRegistry(place.registry);
      const own = [...(blobs.get(keyOf(registry, digest))?.keys() ?? [])].toReversed();
      const before = await locations.of(digest, registry);
      const names = new Set([...own, ...before.map(({ repository }) => repository)]);
      names.delete(place.repository);
      return [...names]
        .filter((repository) => !declined.has(`${keyOf(registry, digest)}/${repository}`))
        .map((repository) => ({ registry, repository }));
    },
    declined(from, digest) {
      declined.add(`${keyOf(from.registry, digest)}/${from.repository}`);
      locations.forget(digest, canonical(from));
    },
  };
}
