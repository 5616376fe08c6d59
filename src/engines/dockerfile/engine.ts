import type { Readable } from 'node:stream';

/** What builds a Dockerfile, in the order of preference. */
export type DockerfileEngineName = 'buildkit' | 'buildx' | 'docker' | 'buildah';

/** The value of a secret, on its way to the steps that mount it. Never on a command line. */
export interface EngineSecret {
  /** As the steps of the Dockerfile name it. */
  readonly id: string;
  readonly value: Uint8Array;
}

/** An image that a Dockerfile names and that is not fetched by that name, as an OCI layout on this machine. */
export interface EngineContext {
  readonly name: string;
  readonly layout: string;
  /** Of the image's manifest in the layout. */
  readonly digest: string;
  /** Its tag there, where it has one. */
  readonly tag: string | undefined;
}

/** One build, in words that no engine has for itself. */
export interface DockerfileBuild {
  /** Absolute path of the build context. */
  readonly contextFolder: string;
  /** The same as a tar, without what the ignore file leaves out, for engines that take no folder. */
  readonly contextArchive: () => Readable;
  /** The file lies in a folder of its own, with its ignore file where it has one. */
  readonly dockerfile: {
    readonly folder: string;
    readonly name: string;
    /** Where it lies in the context's archive. */
    readonly path: string;
    /** Absolute path of the ignore file that counts. */
    readonly ignoreFile: string | undefined;
  };
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]` */
  readonly platform: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly secrets: readonly EngineSecret[];
  /** `default` or `ID=SOCKET` */
  readonly ssh: readonly string[];
  /** As BuildKit writes them: `type=registry,ref=...`. */
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly contexts: readonly EngineContext[];
  readonly compression: 'keep' | 'gzip' | 'zstd' | 'none';
  /** Run every step again. */
  readonly noCache: boolean;
  /** The file is read by a frontend from elsewhere. */
  readonly remoteFrontend: boolean;
  /** It sets what only Docker's config has: HEALTHCHECK, SHELL, ONBUILD. */
  readonly needsDockerConfig: boolean;
  /** Images that are fetched by name, and the digest of the one that was planned with. */
  readonly pins: readonly { readonly name: string; readonly digest: string }[];
}

/** What a build asks for, before it is made ready. */
export interface EngineDemands
  extends Pick<DockerfileBuild, 'ssh' | 'cacheFrom' | 'cacheTo' | 'remoteFrontend'> {
  /** Names of secrets and of images that are taken from elsewhere. */
  readonly secrets: readonly string[];
  readonly contexts: readonly string[];
}

/** What an engine says while it builds. */
export type EngineProgress =
  | {
      readonly kind: 'step';
      readonly id: string;
      readonly name: string;
      readonly state: 'started' | 'finished' | 'cached' | 'failed';
      readonly milliseconds: number | null;
    }
  | {
      readonly kind: 'log';
      /** The step that said it, where that is known. */
      readonly id: string | undefined;
      readonly stream: 'stdout' | 'stderr';
      readonly line: string;
    }
  | { readonly kind: 'warning'; readonly message: string };

/** What an engine needs of the run. */
export interface EngineRun {
  /** The whole environment of the engine's process. */
  readonly variables: Readonly<Record<string, string>>;
  readonly makeFolder: () => Promise<string>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: EngineProgress) => void;
  /** Line of the instruction that a step's name repeats, from 1; for engines that do not say it. */
  readonly lineOf: (step: string) => number | undefined;
}

/** Something that a build asks for and not every engine has. */
export type EngineAbility =
  | 'secrets'
  | 'ssh'
  | 'named contexts'
  | 'cache import'
  | 'cache export'
  | 'remote frontends';

/** An engine that was found. */
export interface DockerfileEngine {
  readonly name: DockerfileEngineName;
  /** For messages: `BuildKit at unix:///run/buildkit/buildkitd.sock`. */
  readonly description: string;
  /** Why it cannot do that; undefined when it can. */
  cannot(ability: EngineAbility, demands: EngineDemands): string | undefined;
  /**
   * Does it recognise a step by the names of the secrets that it mounts, and not by their values? Then another name
   * runs the step again.
   */
  readonly cachesSecretSteps: boolean;
  /** Are the layers of its archives compressed already? */
  readonly compresses: boolean;
  /** Why two builds of the same input are two images; undefined when they are one. */
  irreproducible(build: DockerfileBuild): string | undefined;
  /**
   * Builds, and hands the image's archive (docker-archive or oci-archive) to `take` as it comes.
   *
   * Throws EngineFailure's code for a build that failed, ENGINE_MISSING when the engine went away, what `take`
   * throws, and the signal's reason on abort; nothing of it runs on then.
   */
  build<T>(build: DockerfileBuild, run: EngineRun, take: (archive: Readable) => Promise<T>): Promise<T>;
}
