import type { Logger } from '../log.ts';
import type { Descriptor, Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Image } from '../oci/image.ts';
import type { FileDigests, Verdicts } from '../oci/stores/local-index.ts';
import type { Target } from '../oci/target.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import type { Finding } from '../plan/detection.ts';
import type { Emit } from '../plan/events.ts';
import type { BuildRequest, Strategy } from '../plan/request.ts';
import type { LayerOrigin, SlugOutcome } from '../plan/result.ts';
import type { ArchiveSource, Source } from '../source/source.ts';

/** What earlier runs found out, kept in the local store. Verdicts are JSON; readers check what they get. */
export interface Facts {
  readonly verdicts: Verdicts;
  readonly fileDigests: FileDigests;
}

/** An image together with where its blobs can be read. */
export interface ResolvedImage {
  readonly image: Image;
  readonly from: Target;
  /** HOST/REPOSITORY[:TAG], when it came from a registry. */
  readonly name: string | undefined;
}

/** What `detect` and `plan` may use. They read; they build and write nothing. */
export interface PlanContext {
  readonly facts: Facts;
  readonly signal: AbortSignal;
  /** The image a reference (with or without transport) names, for one platform; throws IMAGE_NOT_FOUND and the like. */
  resolveImage(reference: string, platform: Platform): Promise<ResolvedImage>;
  /** The manifest or index of an image source or image archive, not yet reduced to a platform. */
  openImage(source: Source): Promise<{ readonly descriptor: Descriptor; readonly from: Target }>;
  /** The members that make an archive a docker-archive or oci-archive; none when it is neither. */
  imageArchiveMembers(source: ArchiveSource): Promise<readonly string[]>;
}

export interface BuildContext extends PlanContext {
  readonly source: Source;
  /** Values of the plan's variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Forget what earlier runs found out. */
  readonly rebuild: boolean;
  /** Where blobs go: the local store, a layout, or straight into a registry. */
  readonly sink: Target;
  readonly emit: Emit;
  readonly logger: Logger;
}

/** What a builder hands back. All its blobs are in the sink or can be read from `from`. */
export interface Built {
  readonly descriptor: Descriptor;
  readonly from: Target;
  readonly origins: ReadonlyMap<Digest, LayerOrigin>;
  readonly processes: Readonly<Record<string, string>>;
  /** Of slugs only. */
  readonly slug?: SlugOutcome | undefined;
}

/** One way to turn a source into an image: a folder each, listed in `index.ts`. */
export interface Builder {
  readonly strategy: Strategy;
  /** Does this strategy fit the source, and why? Never runs code of the project. */
  detect(source: Source, request: BuildRequest, context: PlanContext): Promise<Finding>;
  /** What will be built. Throws user faults only. */
  plan(source: Source, request: BuildRequest, context: PlanContext): Promise<BuildPlan>;
  build(plan: BuildPlan, context: BuildContext): Promise<Built>;
}
