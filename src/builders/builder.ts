import type { Logger } from '../log.ts';
import type { Descriptor, Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Image } from '../oci/image.ts';
import type { FileDigests, Verdicts } from '../oci/stores/local-index.ts';
import type { TempFiles } from '../oci/stores/temp-files.ts';
import type { Target } from '../oci/target.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import type { Finding } from '../plan/detection.ts';
import type { Emit } from '../plan/events.ts';
import type { Project } from '../plan/project.ts';
import type { BuildRequest, SecretSource, Strategy } from '../plan/request.ts';
import type { LayerOrigin, SlugOutcome } from '../plan/result.ts';
import type { ArchiveSource, Source } from '../source/source.ts';
import type { Tree } from '../source/tree.ts';

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

/** Where the engines outside are and what they may see. */
export interface EngineSettings {
  /** The whole environment of an engine's process. */
  readonly variables: Readonly<Record<string, string>>;
  /** Docker Engine's address; undefined for the default socket. */
  readonly dockerHost: string | undefined;
  /** Folder of Docker's config, with credentials in it. */
  readonly dockerConfig: string;
  readonly insecureRegistries: readonly string[];
}

/** What `detect` and `plan` may use. They read; they build and write nothing. */
export interface PlanContext {
  readonly facts: Facts;
  readonly signal: AbortSignal;
  readonly engines: EngineSettings;
  /**
   * Another strategy is chosen already: whoever detects now looks only at what costs nothing, to say what is there.
   * Nothing is evaluated and no engine is asked.
   */
  readonly glance?: boolean | undefined;
  /** Does something once a run: who asks again by the same name gets the same answer. A failure is not kept. */
  once<T>(name: string, work: () => Promise<T>): Promise<T>;
  /**
   * The source as a folder: itself, or an archive that the strict reader unpacked into a private one (once a run).
   * Undefined for images, and for archives that are no tar.
   */
  openTree(source: Source): Promise<Tree | undefined>;
  /** What the project's own files say; empty for sources without a tree. Throws PROJECT_FILE_INVALID. */
  readProject(source: Source): Promise<Project>;
  /** The image a reference (with or without transport) names, for one platform; throws IMAGE_NOT_FOUND and the like. */
  resolveImage(reference: string, platform: Platform): Promise<ResolvedImage>;
  /** The manifest or index of an image source or image archive, not yet reduced to a platform. */
  openImage(source: Source): Promise<{ readonly descriptor: Descriptor; readonly from: Target }>;
  /** The members that make an archive a docker-archive or oci-archive; none when it is neither. */
  imageArchiveMembers(source: ArchiveSource): Promise<readonly string[]>;
}

/** The one registry reference that an image goes to, for engines that push by themselves. */
export interface PublishTarget {
  /** HOST/REPOSITORY:TAG. The tag moves when the engine is done. */
  readonly reference: string;
  /** The user allowed plain HTTP there. */
  readonly insecure: boolean;
  /** It is on this machine's loopback, which containers reach through the machine's own network only. */
  readonly loopback: boolean;
}

export interface BuildContext extends PlanContext {
  readonly source: Source;
  /** Holds the values of what the plan only names. */
  readonly request: BuildRequest;
  /** Other strategies that would take this source, for whoever finds that this one cannot be had here. */
  alternatives(): Promise<readonly Strategy[]>;
  /** The value of a build secret. Throws SECRET_UNREADABLE. */
  readSecret(source: SecretSource): Promise<Uint8Array>;
  /** A new, empty, private folder that is removed with the run. */
  makeFolder(): Promise<string>;
  /**
   * Waits until no other run of this home holds a name, and holds it; `onWait` hears that somebody does. Throws
   * STORE_UNWRITABLE.
   */
  hold(name: string, onWait: () => void): Promise<{ release(): void }>;
  /** Files of a moment. */
  readonly temp: TempFiles;
  /** Where blobs go: the local store, a layout, or straight into a registry. */
  readonly sink: Target;
  /** Set when the sink is a registry and nothing else wants the image. */
  readonly publish?: PublishTarget | undefined;
  readonly emit: Emit;
  readonly logger: Logger;
}

/** What a builder hands back. All its blobs are in the sink or can be read from `from`. */
export interface Built {
  readonly descriptor: Descriptor;
  readonly from: Target;
  readonly origins: ReadonlyMap<Digest, LayerOrigin>;
  readonly processes: Readonly<Record<string, string>>;
  /** An engine has put it into the sink, tag and all; nobody counted what it sent. */
  readonly published?: boolean | undefined;
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
