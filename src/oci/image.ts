import type { Readable } from 'node:stream';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { ImageConfig, ImageIndexDocument, Manifest } from './documents.ts';
import type { Target } from './target.ts';

/** One layer: an immutable value whose bytes can be opened as often as needed. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Where `open` reads. */
  readonly from: Target;
  /**
   * The bytes as the descriptor names them (compressed), verified while they stream. `verify` is false where the
   * caller checks them itself: each byte is hashed once.
   */
  open(signal?: AbortSignal, options?: { readonly verify: boolean }): Promise<Readable>;
}

/** One image for one platform. The raw bytes are kept and never serialised again. */
export interface Image {
  readonly kind: 'image';
  readonly descriptor: Descriptor;
  readonly manifestBytes: Uint8Array;
  readonly manifest: Manifest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
}

/** Several images under one digest. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly descriptor: Descriptor;
  readonly indexBytes: Uint8Array;
  readonly index: ImageIndexDocument;
}
