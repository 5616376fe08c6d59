import { DogwoodError } from '../errors.ts';
import { type Digest, isDigest } from './digest.ts';

/** The cause of a refusal to take a manifest whose content is not there (MANIFEST_BLOB_UNKNOWN). */
export class MissingContent extends Error {
  override readonly name = 'MissingContent';
  /** What is said to be missing; empty when that is not said. */
  readonly digests: readonly Digest[];

  constructor(digests: readonly Digest[], cause: unknown) {
    super('content of the manifest is missing', { cause });
    this.digests = digests;
  }
}

/** What a target missed when it was given a manifest; undefined for every other failure. */
export function missingContent(error: unknown): MissingContent | undefined {
  return error instanceof DogwoodError && error.cause instanceof MissingContent ? error.cause : undefined;
}

/** The digests in the detail of an error, which each registry writes in its own way: a text, an object, a list. */
export function digestsIn(detail: unknown, depth = 3): readonly Digest[] {
  if (typeof detail === 'string') return isDigest(detail) ? [detail] : [];
  if (typeof detail !== 'object' || detail === null || depth === 0) return [];
  return Object.values(detail).flatMap((value) => digestsIn(value, depth - 1));
}
