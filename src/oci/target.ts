import type { Readable } from 'node:stream';
import type { BlobOrigin, Content, Expectation } from './content.ts';
import type { Descriptor } from './descriptor.ts';

export interface OpenOptions {
  /** False when the caller checks size and digest itself (`copy` does: the receiving side checks). Default true. */
  readonly verify?: boolean;
  /** Bytes to leave out at the beginning: for who has those already. What is left cannot be verified, so it is not. */
  readonly offset?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes pass, with how many. */
  readonly onBytes?: ((count: number) => void) | undefined;
  /**
   * The target said that it misses this, although it had it: what it says and what is remembered of it counts for
   * nothing, and the bytes are sent. Default false.
   */
  readonly again?: boolean | undefined;
  /** The tag that a manifest or index is about to get: a registry takes both in one request. `tag` is called still. */
  readonly tag?: string | undefined;
}

export interface PutResult {
  readonly descriptor: Descriptor;
  /** How it came to be there. `existing` and `mounted` moved no bytes. */
  readonly outcome: 'existing' | 'mounted' | 'sent';
}

/**
 * A blob store and a tag store in one: memory, OCI layout, the local store and a registry implement it, and one
 * contract suite (`test/contract/target.ts`) holds for all.
 *
 * Manifests and indexes are put like any blob; the media type tells a target where to keep them. What a manifest
 * names must be there before it is put.
 */
export interface Target {
  /** For messages: `oci:/tmp/x`, `docker://127.0.0.1:5000/app`. */
  readonly name: string;

  /** Is it there, whole? */
  has(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;

  /** The bytes of one blob or manifest. Throws BLOB_NOT_FOUND; DIGEST_MISMATCH or SIZE_MISMATCH fail the stream. */
  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable>;

  /**
   * Takes the bytes in; what does not match the expectation is refused (DIGEST_MISMATCH, SIZE_MISMATCH) and leaves
   * nothing behind. With a digest given, content that is already there is not opened at all.
   */
  put(content: Content, expected: Expectation, options?: PutOptions): Promise<PutResult>;

  /** What a tag or digest names; undefined when there is nothing. */
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined>;

  /** Points a tag at a manifest or index that is there already. */
  tag(descriptor: Descriptor, tag: string, signal?: AbortSignal): Promise<void>;

  /**
   * Makes a manifest or index findable that gets no tag (an entry of a layout's index.json, a root of the local store).
   * Absent where everything can be found by its digest anyway.
   */
  addRoot?(descriptor: Descriptor, signal?: AbortSignal): Promise<void>;

  /**
   * Makes a manifest or index that was put, and has a `subject`, findable among that one's referrers. Absent where
   * what is put is found.
   */
  addReferrer?(referrer: Descriptor, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;

  /**
   * Told that bytes it gave unverified were not the blob, it looks for itself and lets go of what is damaged, so that
   * the next one who has the blob puts it again. Absent where what is there is not ours to remove.
   */
  discardDamaged?(descriptor: Descriptor): Promise<void>;

  /** Where others in the same registry could mount this blob from. Registries only. */
  origin?(descriptor: Descriptor): BlobOrigin | undefined;
}
