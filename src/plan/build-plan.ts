import type { Platform } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import type { BuildpacksPlan } from './buildpacks-plan.ts';
import type { DockerfilePlan } from './dockerfile-plan.ts';
import type { NixPlan } from './nix-plan.ts';
import type { Project } from './project.ts';
import type { CompressionChoice, LayerMode, Strategy } from './request.ts';
import type { Sourced } from './sourced.ts';

/** The base image, pinned when it could be resolved. */
export interface PlannedBase {
  /** Reference with transport, or `scratch`. */
  readonly reference: string;
  /** Digest of the one platform's manifest. */
  readonly digest: Digest | null;
  readonly from: string;
}

export interface SlugPlan {
  readonly strategy: 'slug';
  readonly stack: Sourced<string> | null;
  readonly base: PlannedBase;
  readonly layer: LayerMode;
  readonly layerReason: string;
  readonly compression: CompressionChoice;
  /** Given by flags or metadata; without any, the slug's Procfile is read while the slug streams. */
  readonly processes: Readonly<Record<string, Sourced<string>>>;
  /** Names of the variables that are set in the image; their values stay out of documents. */
  readonly env: readonly string[];
  /** The archive limits that were set otherwise. */
  readonly limits: Readonly<Record<string, number>>;
}

export interface ImagePlan {
  readonly strategy: 'image';
  readonly reference: string;
  readonly digest: Digest | null;
  readonly compression: CompressionChoice;
}

/** What will be built and why. Versioned JSON, no secret values, nothing that varies between two runs. */
export interface BuildPlan {
  readonly schemaVersion: 1;
  readonly strategy: Strategy;
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly details: SlugPlan | ImagePlan | DockerfilePlan | BuildpacksPlan | NixPlan;
  /** What the project's own files say of how it is run; absent for sources that are no tree. */
  readonly project?: Project | undefined;
}

/** JSON with sorted keys and no white space: the same value always gives the same bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : item,
  );
}

export function planDigest(plan: BuildPlan): Digest {
  return digestOf(canonicalJson(plan));
}
