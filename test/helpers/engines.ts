/**
 * The programs and data outside that some tests need, and what happens to those tests where one is missing:
 * they are skipped in plain sight and grouped by engine at the end of the run (`skip-reporter.ts`), or, with
 * DOGWOOD_REQUIRE_ENGINES=1 (as `.ci/run` does), they fail and name the engine.
 */
import { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { describe, test } from 'vitest';

/** Folder of tools and data that `.ci/engines` made, kept between runs. Nothing in it is ever required. */
export const TOOLS =
  process.env.DOGWOOD_TEST_TOOLS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dogwood-test-tools');

export const REPOSITORY = resolve(import.meta.dirname, '../..');

interface Engine {
  /** Path of the program, folder or file; undefined where it is missing. */
  readonly find: () => string | undefined;
  /** How to get it. */
  readonly how: string;
}

/**
 * First executable of that name in the tools folder, where Debian keeps its own, or on the PATH. In that order,
 * for a machine may have another `docker` or `python3` earlier on the PATH than the one the tests were made with.
 */
export function onPath(name: string): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter);
  const folders = [join(TOOLS, 'bin'), '/usr/bin', '/usr/sbin', '/bin', '/sbin', ...path];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const present = (path: string): string | undefined => (existsSync(path) ? path : undefined);
const isRoot = (): boolean => process.getuid?.() === 0;
const debian = (name: string, debianPackage = name): Engine => ({
  find: () => onPath(name),
  how: `apt-get install --no-install-recommends ${debianPackage}`,
});
const made = (name: string, find: () => string | undefined): Engine => ({
  find,
  how: `.ci/engines ${name}`,
});

/** A program without an interpreter runs in an image that holds nothing else. Reads the ELF program headers. */
function isStatic(path: string): boolean {
  const bytes = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes.readUInt8(4) !== 2) return false;
  const start = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  const PT_INTERP = 3;
  return !Array.from({ length: count }, (_, i) => bytes.readUInt32LE(start + i * size)).includes(PT_INTERP);
}

/** Debian's own daemon, run privately by `docker.ts`; one that already runs on the machine is left alone. */
function findDockerd(): string | undefined {
  const needs = ['docker', 'containerd', 'runc', 'ip', 'setpriv'];
  return isRoot() && needs.every((name) => onPath(name) !== undefined) ? onPath('dockerd') : undefined;
}

/** A BuildKit daemon with its client, run privately by `buildkit.ts`. */
function findBuildkitd(): string | undefined {
  const needs = ['buildctl', 'runc', 'setpriv'];
  return isRoot() && needs.every((name) => onPath(name) !== undefined) ? onPath('buildkitd') : undefined;
}

export const ENGINES = {
  // programs of Debian 12
  skopeo: debian('skopeo'),
  umoci: debian('umoci'),
  podman: { ...debian('podman'), find: () => (isRoot() ? onPath('podman') : undefined) },
  buildah: { ...debian('buildah'), find: () => (isRoot() ? onPath('buildah') : undefined) },
  'docker-registry': debian('docker-registry'),
  bsdtar: debian('bsdtar', 'libarchive-tools'),
  gnutar: debian('tar'),
  bash: debian('bash'),
  git: debian('git'),
  python3: debian('python3'),
  ps: debian('ps', 'procps'),
  'ssh-agent': debian('ssh-agent', 'openssh-client'),
  igzip: debian('igzip', 'isal'),
  pigz: debian('pigz'),
  zstd: debian('zstd'),
  openssl: debian('openssl'),
  htpasswd: debian('htpasswd', 'apache2-utils'),
  nix: debian('nix', 'nix-bin'),
  bwrap: debian('bwrap', 'bubblewrap'),
  'bash-static': debian('bash-static'),
  busybox: {
    find: () => [onPath('busybox')].find((path) => path !== undefined && isStatic(path)),
    how: 'apt-get install --no-install-recommends busybox-static',
  },
  /** Heroku's own published schema, which comes with the project's shared folder. */
  'heroku-schema': {
    find: () => present(join(REPOSITORY, '../shared/data/heroku-platform-api/schema-3.sdk.json')),
    how: 'put the shared folder beside the project',
  },
  docker: {
    find: findDockerd,
    how: 'as root: apt-get install --no-install-recommends docker.io runc iproute2',
  },
  // built from Go modules (test/tools) or fetched once into the tools folder
  crane: made('crane', () => onPath('crane')),
  registry: made('registry', () => onPath('registry')),
  conformance: made('conformance', () => onPath('conformance')),
  olareg: made('olareg', () => onPath('olareg')),
  pack: made('pack', () => onPath('pack')),
  lifecycle: made('lifecycle', () => (onPath('launcher') === undefined ? undefined : onPath('lifecycle'))),
  buildkit: made('buildkit', findBuildkitd),
  buildx: made('buildx', () => onPath('buildx')),
  age: made('age', () => (onPath('age-keygen') === undefined ? undefined : onPath('age'))),
  'debian-base': made('debian-base', () => present(join(TOOLS, 'debian-bookworm.tar.gz'))),
  'node-red': made('node-red', () => present(join(TOOLS, 'node-red'))),
  // not programs, but as easily missing
  root: { find: () => (isRoot() ? '/' : undefined), how: 'run the tests as root' },
  tmpfs: { find: () => (isRoot() ? onPath('mount') : undefined), how: 'run the tests as root' },
  shared: {
    find: () => present(resolve(REPOSITORY, '../shared')),
    how: 'a folder `shared` beside the clone (recorded API data; not public)',
  },
} as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof ENGINES;

/** Path of an engine's program (or folder, or file), or undefined where it is missing. */
export function engine(name: EngineName): string | undefined {
  return ENGINES[name].find();
}

/** Path of an engine that the surrounding `describeWith` asked for. Throws where it is missing. */
export function engineOrThrow(name: EngineName): string {
  const path = engine(name);
  if (path === undefined) throw new Error(`engine missing: ${name} (${ENGINES[name].how})`);
  return path;
}

export const engineIsRequired = (): boolean => process.env.DOGWOOD_REQUIRE_ENGINES === '1';

declare module 'vitest' {
  interface TaskMeta {
    /** Engines whose absence skipped this suite; the reporter groups by them. */
    missingEngines?: EngineName[];
  }
}

/**
 * A `describe` whose tests need engines: `describeWith(['skopeo', 'umoci'], 'readers', ({ skopeo }) => ...)`.
 * The callback gets their paths. Where one is missing the tests are skipped visibly (the callback still runs,
 * to collect their names, with made-up paths), or, with DOGWOOD_REQUIRE_ENGINES=1, a test fails and names it.
 */
export function describeWith<const N extends EngineName>(
  names: readonly N[],
  title: string,
  define: (engines: Readonly<Record<N, string>>) => void,
): void {
  const found = names.map((name) => [name, engine(name)] as const);
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => name);
  const paths = Object.fromEntries(found.map(([name, path]) => [name, path ?? `/missing/${name}`]));
  const defined = () => define(paths as Record<N, string>);
  if (missing.length === 0) describe(title, defined);
  else if (engineIsRequired()) {
    describe(title, () => {
      test.each(missing)('needs the engine %s', (name) => void engineOrThrow(name));
    });
  } else describe.skip(title, { meta: { missingEngines: missing } }, defined);
}
