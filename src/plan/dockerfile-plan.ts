import type { Digest } from '../oci/digest.ts';
import type { DockerfileEngine, SecretSource } from './request.ts';
import type { Sourced } from './sourced.ts';

/** An image that a stage is built from, as far as it is known without building. */
export interface StageBase {
  /** As written, with the build arguments of the file's head filled in. */
  readonly reference: string;
  /** Of the one platform's manifest; null where it could not be reached, or the reference holds an unknown argument. */
  readonly digest: Digest | null;
  /** Where it is taken from, with its transport, when --build-context says so. */
  readonly from: string | null;
}

export interface DockerfilePlan {
  readonly strategy: 'dockerfile';
  /** Path below the source's root. */
  readonly file: Sourced<string>;
  /** The stage that becomes the image: its name or number; null is the last one. */
  readonly target: Sourced<string> | null;
  readonly engine: Sourced<DockerfileEngine | 'auto'>;
  /** The frontend that reads the file: `builtin`, or the reference that its `# syntax=` line names. */
  readonly frontend: string;
  /** Names only: people do put secrets where they do not belong. */
  readonly buildArgs: readonly string[];
  readonly secrets: readonly SecretSource[];
  readonly bases: readonly StageBase[];
  /** What the target stage says of the user and the signal that its processes get. */
  readonly user: Sourced<string> | null;
  readonly stopSignal: Sourced<string> | null;
  /** The ignore file that counts, as a path below the root. */
  readonly ignoreFile: string | null;
}
