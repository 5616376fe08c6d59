import type { Strategy } from './request.ts';
import type { Sourced } from './sourced.ts';

/** A project's file of our own. */
export const DOGWOOD_TOML = 'dogwood.toml';

/** A user whom every runtime understands: names mean something in one image only. */
export const NUMERIC_USER = /^(?:0|[1-9]\d{0,8})(?::(?:0|[1-9]\d{0,8}))?$/;

/** A port range or a single port. */
export interface ServicePort {
  readonly port: number | { readonly start: number; readonly end: number };
  readonly handlers: readonly ('tls' | 'http' | 'proxy_proto')[];
}

export interface Service {
  readonly process: string;
  readonly protocol: 'tcp' | 'udp';
  readonly internalPort: number;
  readonly ports: readonly ServicePort[];
  readonly exposure: 'public' | 'private';
}

export interface Mount {
  readonly name: string;
  readonly process: string;
  readonly path: string;
  /** As written, for example `1gb`. */
  readonly size: string | null;
}

export interface HealthCheck {
  readonly process: string;
  readonly kind: 'http' | 'tcp' | 'exec';
  /** Path of an http check, command of an exec check. */
  readonly value: string | null;
  readonly port: number | null;
  /** Seconds. */
  readonly interval: number | null;
  readonly timeout: number | null;
  readonly grace: number | null;
}

export interface ProjectRelease {
  readonly command: string;
  /** Seconds. */
  readonly timeout: number | null;
}

/** A region that the app runs in. */
export interface ProjectRegion {
  readonly name: string;
  /** HOST/REPOSITORY that its image goes to; else the user's config file says which registry is there. */
  readonly repository?: string | undefined;
}

/** A command that makes the image's content inside the project's nix-shell. */
export interface ShellBuild {
  readonly command: string;
  /** Path below the root of the shell's expression; null looks for shell.nix, then a flake's devShell. */
  readonly shell: string | null;
  /** Path below the root of what the command leaves: a folder or an image archive. */
  readonly output: string;
}

/** Something in a file of another tool that is passed over. */
export interface ProjectProblem {
  readonly message: string;
  /** The file. */
  readonly from: string;
  /** The whole file could not be read: whoever needs it refuses. */
  readonly unreadable: boolean;
}

/**
 * What a project's own files say (dogwood.toml, Procfile, project.toml, app.json, fly.toml), under the field names of
 * the Rollout document. dogwood.toml wins over the others. No value of a variable is in it: names only.
 */
export interface Project {
  readonly strategy?: Sourced<Strategy> | undefined;
  /** Path of the Dockerfile. */
  readonly file?: Sourced<string> | undefined;
  /** Stage of the Dockerfile. */
  readonly target?: Sourced<string> | undefined;
  /** Builder image of the buildpacks. */
  readonly builder?: Sourced<string> | undefined;
  readonly buildpacks: readonly Sourced<string>[];
  readonly base?: Sourced<string> | undefined;
  /** A slug's stack. */
  readonly stack?: Sourced<string> | undefined;
  /** Whom an image of buildpacks runs as, `UID[:GID]`. */
  readonly user?: Sourced<string> | undefined;
  /** Attribute of a Nix image. */
  readonly attribute?: Sourced<string> | undefined;
  readonly shellBuild?: Sourced<ShellBuild> | undefined;
  readonly processes: Readonly<Record<string, Sourced<string>>>;
  /** How many of a process run, where somebody says. */
  readonly replicas: Readonly<Record<string, Sourced<number>>>;
  readonly services: readonly Sourced<Service>[];
  readonly mounts: readonly Sourced<Mount>[];
  readonly healthChecks: readonly Sourced<HealthCheck>[];
  readonly release?: Sourced<ProjectRelease> | undefined;
  readonly env: readonly Sourced<string>[];
  readonly regions: readonly Sourced<ProjectRegion>[];
  readonly problems: readonly ProjectProblem[];
}

export const EMPTY_PROJECT: Project = {
  buildpacks: [],
  processes: {},
  replicas: {},
  services: [],
  mounts: [],
  healthChecks: [],
  env: [],
  regions: [],
  problems: [],
};
