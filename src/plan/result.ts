import type { ErrorCode } from '../errors.ts';
import type { Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Strategy } from './request.ts';
import type { Step } from './step.ts';

export type LayerOrigin =
  | ('base' | 'user' | 'launcher' | 'slug' | 'image')
  // of a Dockerfile
  | 'step'
  // of buildpacks
  | ('app' | 'buildpack' | 'sbom' | 'launch-config')
  // of a build command in a nix-shell
  | 'nix-shell';

export interface ResultLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly mediaType: string;
  /** Bytes as stored. */
  readonly size: number;
  readonly origin: LayerOrigin;
}

export interface ResultPlatform {
  readonly platform: Platform;
  readonly digest: Digest;
  readonly config: { readonly digest: Digest };
  readonly layers: readonly ResultLayer[];
}

export interface ResultError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly step: Step | null;
}

/** One region's copy. */
export interface ResultReference {
  readonly region: string | null;
  readonly state: 'available' | 'failed';
  /** host/repository@digest */
  readonly reference: string;
  /** host/repository:tag, where one was asked for. */
  readonly tag: string | null;
  /**
   * Bytes of the blobs and documents that were sent, each counted once and only when it arrived whole, so also of a
   * region that failed later. Null, both: an engine pushed by itself, and nobody knows how much of it was there.
   */
  readonly uploadedBytes: number | null;
  /** Bytes of those that were there already or were mounted. */
  readonly skippedBytes: number | null;
  /** From the beginning of its push to its end. What streamed there while it was built is no part of it. */
  readonly milliseconds: number;
  readonly error: ResultError | null;
}

export interface ResultWarning {
  readonly code: string;
  readonly message: string;
}

/** What became of a slug: its bytes are the layer, or why they could not be. */
export interface SlugOutcome {
  readonly layer: 'kept' | 'transcoded';
  readonly reason: string | null;
}

/** `build --json` (cli.md). Timings are milliseconds. */
export interface SucceededBuild {
  readonly schemaVersion: 1;
  readonly status: 'succeeded';
  readonly strategy: Strategy;
  readonly image: {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly size: number;
    readonly platform?: Platform;
  };
  readonly platforms: readonly ResultPlatform[];
  /** Of the one platform, when there is one. */
  readonly config?: { readonly digest: Digest };
  readonly layers?: readonly ResultLayer[];
  readonly processes: Readonly<Record<string, string>>;
  /** Of slugs only. */
  readonly slug?: SlugOutcome | undefined;
  readonly references: readonly ResultReference[];
  readonly timings: {
    readonly detect: number;
    readonly build: number;
    readonly push: number;
    readonly total: number;
  };
  readonly warnings: readonly ResultWarning[];
}

export interface FailedBuild {
  readonly schemaVersion: 1;
  readonly status: 'failed';
  readonly error: ResultError;
}

export type BuildResult = SucceededBuild | FailedBuild;
