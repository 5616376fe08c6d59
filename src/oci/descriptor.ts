import type { Digest } from './digest.ts';

/** Where an image runs (image-spec image-index.md, platform). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
}

/** Names some bytes by type, digest and size (image-spec descriptor.md). Frozen data. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
  /** Base64 of the content itself, for small blobs. */
  readonly data?: string | undefined;
  /** Never fetched: a place that a stranger names (CVE-2020-15157). */
  readonly urls?: readonly string[] | undefined;
}
