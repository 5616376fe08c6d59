import type { Platform } from '../oci/descriptor.ts';

/** Every way a source can become an image, in the order of preference. */
export const STRATEGIES = ['image', 'slug', 'dockerfile', 'nix', 'buildpacks'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** A registry the image goes to, as it was written: `-t [REGION=]REF`. */
export interface NamedDestination {
  readonly region?: string | undefined;
  /** HOST/REPOSITORY[:TAG] */
  readonly reference: string;
}

/** What is configured for a region (`-t REGION=:TAG`), or for all there are (`-t :TAG`). */
export interface ConfiguredDestination {
  readonly region?: string | undefined;
  readonly reference?: undefined;
  readonly tag: string;
}

export type Destination = NamedDestination | ConfiguredDestination;

/** The registry of a region: `[[regions]]` of the user's config file. */
export interface RegionRegistry {
  readonly name: string;
  /** HOST[:PORT][/PREFIX]; images go to repositories below it, named after their app. */
  readonly registry: string;
}

/** How many registries must have the image for the build to have succeeded. */
export type Quorum = 'any' | 'all' | number;

/** What is known about a slug apart from its bytes: the Platform API's slug document, or flags. */
export interface SlugMetadata {
  readonly stack?: string | undefined;
  readonly processTypes?: Readonly<Record<string, string>> | undefined;
}

export type LayerMode = 'auto' | 'keep' | 'canonical';
export type CompressionChoice = 'keep' | 'gzip' | 'zstd' | 'none';

/** What builds Dockerfiles, in the order of preference. */
export const DOCKERFILE_ENGINES = ['buildkit', 'buildx', 'docker', 'buildah'] as const;
export type DockerfileEngine = (typeof DOCKERFILE_ENGINES)[number];

/** Where the value of a build secret comes from. Holds no value. */
export interface SecretSource {
  readonly id: string;
  readonly from:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'env'; readonly name: string };
}

/** What is refused unless it was allowed by name (`--allow`). */
export const PERMISSIONS = [
  'remote-frontend',
  'trust-builder',
  'host-network',
  'nix-unsandboxed',
  'nix-import-from-derivation',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What somebody asked for. Holds names and choices, never the value of a secret. */
export interface BuildRequest {
  /** As written: a path, `-`, a URL or TRANSPORT:NAME. */
  readonly source: string;
  readonly strategy: Strategy | 'auto';
  readonly destinations: readonly Destination[];
  /** What the user's config file says of regions, the nearest first. */
  readonly regions: readonly RegionRegistry[];
  /** `all` unless told. */
  readonly quorum?: Quorum | undefined;
  /** `-o`: one more place, with its transport. */
  readonly output?: string | undefined;
  /** Image reference, TRANSPORT:NAME, or `scratch`. */
  readonly base?: string | undefined;
  /** `heroku-24` and the like. */
  readonly stack?: string | undefined;
  /** Stack name to base image, for a mirror of the stack images. */
  readonly stackImages: Readonly<Record<string, string>>;
  readonly processes: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Path of the Dockerfile below the source's root. */
  readonly file?: string | undefined;
  /** Stage of the Dockerfile that becomes the image. */
  readonly target?: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Images that the Dockerfile names and that are taken from elsewhere: its name to an image with its transport. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretSource[];
  /** Agents that a step may reach (`RUN --mount=type=ssh`): `default`, or ID=SOCKET. */
  readonly ssh: readonly string[];
  readonly engine: DockerfileEngine | 'auto';
  /** Caches to read from and write to, as BuildKit writes them: `type=registry,ref=...`. */
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  /** Builder image of the buildpacks. */
  readonly builder?: string | undefined;
  /** Nix attribute of the image. */
  readonly attribute?: string | undefined;
  /** Run the project's build command in the shell of this Nix file, a path below the source's root. */
  readonly nixShell?: string | undefined;
  readonly allow: readonly Permission[];
  /** Whose build this is: caches are kept apart by it. */
  readonly tenant: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: Platform;
  readonly compression: CompressionChoice;
  readonly layer: LayerMode;
  /** Volumes make the app's user the same in every release, so its layer is always canonical. */
  readonly hasMounts: boolean;
  readonly slug?: SlugMetadata | undefined;
  /** Forget what earlier runs found out. */
  readonly rebuild: boolean;
  /** Seconds since 1970 that `created` says; SOURCE_DATE_EPOCH, else 0. */
  readonly epoch: number;
  /** Overrides of the archive reader's limits, by name. */
  readonly limits: Readonly<Record<string, number>>;
}

/** A request that asks for nothing in particular. */
export const PLAIN_REQUEST: Omit<BuildRequest, 'source'> = {
  strategy: 'auto',
  destinations: [],
  regions: [],
  stackImages: {},
  processes: {},
  env: {},
  buildArgs: {},
  contexts: {},
  secrets: [],
  ssh: [],
  engine: 'auto',
  cacheFrom: [],
  cacheTo: [],
  allow: [],
  tenant: 'local',
  labels: {},
  platform: { os: 'linux', architecture: 'amd64' },
  compression: 'keep',
  layer: 'auto',
  hasMounts: false,
  rebuild: false,
  epoch: 0,
  limits: {},
};
