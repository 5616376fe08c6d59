import type { Digest } from '../oci/digest.ts';
import type { CompressionChoice } from './request.ts';
import type { Sourced } from './sourced.ts';

export interface BuildpacksPlan {
  readonly strategy: 'buildpacks';
  /** The image with buildpacks and lifecycle in it; digest null where it could not be reached. */
  readonly builder: Sourced<string> & { readonly digest: Digest | null };
  /** Given only where it is not the builder's own. */
  readonly runImage: Sourced<string> | null;
  /** Buildpacks asked for instead of the builder's own order. */
  readonly buildpacks: readonly Sourced<string>[];
  /** Names of the variables that the buildpacks see. */
  readonly env: readonly string[];
  /** All phases may run in the builder's own container, credentials in reach; else pack asks its own list. */
  readonly trustBuilder: boolean;
  /** Path of project.toml below the root. */
  readonly descriptor: string | null;
  /** The file whose patterns leave files out: project.toml or .slugignore. */
  readonly ignoreFile: string | null;
  readonly compression: CompressionChoice;
  /** Those that the image has, by name, where dogwood.toml says; absent leaves them to the buildpacks. */
  readonly processes?: Readonly<Record<string, string>> | undefined;
  /** `UID[:GID]`; absent leaves the run image's. */
  readonly user?: Sourced<string> | undefined;
}
