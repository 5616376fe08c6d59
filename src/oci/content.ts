import { Readable } from 'node:stream';
import type { Descriptor } from './descriptor.ts';

/** Where a blob is known to lie already: lets a registry mount it instead of taking it again. */
export interface BlobOrigin {
  /** Registry host as requests go to it, for example `registry-1.docker.io` or `127.0.0.1:5000`. */
  readonly registry: string;
  readonly repository: string;
}

/** Bytes on their way into a target. */
export interface Content {
  /**
   * Opens the bytes from the beginning. Called again for a retry when `reopenable`; the caller consumes or
   * destroys each stream it opened.
   */
  open(): Promise<Readable>;
  /** False for standard input and the like: such content is sent once and cannot be retried. */
  readonly reopenable: boolean;
  /** Where the same blob may be mounted from, likeliest first. */
  readonly origins?: readonly BlobOrigin[] | undefined;
}

/** Content held in memory. */
export function bytesContent(bytes: Uint8Array): Content {
  return { open: async () => Readable.from([bytes], { objectMode: false }), reopenable: true };
}

/** What the sender knows about content before it is read. Undefined digest or size are learnt while it streams. */
export interface Expectation {
  readonly mediaType: string;
  readonly digest?: Descriptor['digest'] | undefined;
  readonly size?: number | undefined;
}
