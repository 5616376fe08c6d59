import type { Digest } from '../oci/digest.ts';
import type { ResultReference } from '../plan/result.ts';
import type { NotCarried } from './not-carried.ts';

/**
 * `imported`   its image is in the registries, its documents are written
 * `unchanged`  it is as the last import left it: nothing was moved or written
 * `skipped`    there is nothing to import (never deployed, Fir, not for this token): the reason says why
 * `failed`     it could not be imported this time
 */
export type AppStatus = 'imported' | 'unchanged' | 'skipped' | 'failed';

/** `DIR/apps/<app>/result.json`: what became of one app. No secret's value, no signed address. */
export interface AppResult {
  readonly schemaVersion: 1;
  readonly app: string;
  /** Heroku's id. */
  readonly id: string;
  readonly status: AppStatus;
  /** In a sentence. */
  readonly reason: string;
  /** Code of errors.ts; null unless it failed. */
  readonly code: string | null;
  /** Version of the release that was imported. */
  readonly release: number | null;
  /** One for a slug; one per process type on the container stack. */
  readonly images: readonly AppImage[];
  /** Bytes that were read of its slug, or of its images at Heroku's registry: 0 when none had to be. */
  readonly slugBytesRead: number;
  /** The same fingerprint means the same state at Heroku, for the same registries and recipients. */
  readonly fingerprint: string | null;
  /** By name: keyed, so that a value is recognised and not told. */
  readonly secrets: Readonly<Record<string, string>>;
  /** How it differs from plan.json, a sentence each. */
  readonly drift: readonly string[];
  readonly notCarried: readonly NotCarried[];
  readonly warnings: readonly string[];
  /** RFC 3339, of the import that wrote this. */
  readonly finishedAt: string;
  readonly milliseconds: number;
}

export interface AppImage {
  /** Null for the one image of all processes. */
  readonly process: string | null;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
  readonly user: string | null;
  readonly processes: Readonly<Record<string, string>>;
  readonly references: readonly ResultReference[];
}
