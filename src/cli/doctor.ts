import { stat, statfs } from 'node:fs/promises';
import { detectEngines } from '../engines/detect.ts';
import { engineVariables } from '../engines/environment.ts';
import { asDogwoodError } from '../errors.ts';
import { openLocalStore } from '../oci/stores/local.ts';
import { MIGRATIONS } from '../oci/stores/local-index.ts';
import { type CredentialsReport, examineCredentials } from './doctor-credentials.ts';
import { examineNetwork, type NetworkReport } from './doctor-network.ts';
import { dogwoodHome, userConfigPath } from './folders.ts';
import type { CliHost } from './host.ts';
import { readUserConfig } from './user-config.ts';
import type { UserConfig } from './user-config-schema.ts';

/** `build doctor --json`. */
export interface DoctorDocument {
  readonly schemaVersion: 1;
  /** False when slugs and images cannot be built here. */
  readonly ok: boolean;
  readonly version: string;
  readonly node: { readonly version: string; readonly needed: string; readonly ok: boolean };
  readonly home: HomeReport;
  /** `found` is false where there is no file, which is no fault. */
  readonly config: {
    readonly path: string | null;
    readonly found: boolean;
    readonly ok: boolean;
    readonly problem: string | null;
  };
  /** What this version builds, and whether it can here. */
  readonly strategies: readonly { readonly name: string; readonly ok: boolean; readonly needs: string }[];
  readonly engines: readonly {
    readonly name: string;
    readonly found: boolean;
    readonly version: string | null;
    readonly enables: string;
    readonly problem: string | null;
  }[];
  readonly credentials: CredentialsReport;
  readonly network: NetworkReport;
}

interface HomeReport {
  readonly path: string | null;
  readonly ok: boolean;
  /** Bytes. */
  readonly free: number | null;
  readonly storeSchema: number | null;
  readonly problem: string | null;
}

const NODE_NEEDED = '24.15';
const NOTHING_YET = 'nothing in this version';

/** What each engine is good for now; a statement here must be true of this version. */
const ENABLES: Readonly<Record<string, string>> = {
  docker: '`build run`, docker-daemon: as a place of images, Dockerfiles, and buildpacks together with pack',
  buildctl: 'Dockerfiles, when a BuildKit daemon answers ($BUILDKIT_HOST)',
  buildx: 'Dockerfiles, with a builder that is not of the docker driver',
  buildah: 'Dockerfiles',
  pack: 'buildpacks, together with docker',
  git: 'sources that are Git addresses',
  nix: 'dockerTools images, and build commands in a nix-shell',
};

/** Looks at the machine. Changes nothing but that the home folder and an empty store are made when they are missing. */
export async function examine(host: CliHost, signal: AbortSignal): Promise<DoctorDocument> {
  const [home, { settings, ...config }, engines, credentials] = await Promise.all([
    examineHome(host),
    examineConfig(host),
    detectEngines(host.environment.DOCKER_HOST || undefined, engineVariables(host.environment), signal),
    examineCredentials(host),
  ]);
  const node = examineNode(process.versions.node);
  const ok = node.ok && home.ok && config.ok;
  const usable = (name: string): boolean =>
    engines.some((engine) => engine.name === name && engine.found && engine.problem === undefined);
  return {
    schemaVersion: 1,
    ok,
    version: host.version,
    node,
    home,
    config,
    strategies: [
      ...['slug', 'image'].map((name) => ({ name, ok, needs: 'nothing but this program' })),
      {
        name: 'dockerfile',
        ok: ok && ['buildctl', 'buildx', 'docker', 'buildah'].some(usable),
        needs: 'BuildKit, buildx, a Docker Engine or Buildah',
      },
      { name: 'nix', ok: ok && usable('nix'), needs: 'nix 2.4 or later, and bubblewrap' },
      { name: 'buildpacks', ok: ok && usable('pack') && usable('docker'), needs: 'pack and a Docker Engine' },
    ],
    engines: engines.map(({ name, found, version, problem }) => ({
      name,
      found,
      version: version ?? null,
      enables: ENABLES[name] ?? NOTHING_YET,
      problem: problem ?? null,
    })),
    credentials,
    network: await examineNetwork(host, settings),
  };
}

function examineNode(version: string): DoctorDocument['node'] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = NODE_NEEDED.split('.').map(Number);
  const ok = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  return { version, needed: NODE_NEEDED, ok };
}

async function examineHome(host: CliHost): Promise<HomeReport> {
  let path: string | null = null;
  try {
    path = dogwoodHome(host);
    (await openLocalStore(path)).close();
    const { bavail, bsize } = await statfs(path);
    return { path, ok: true, free: bavail * bsize, storeSchema: MIGRATIONS.length, problem: null };
  } catch (error) {
    const { code, message, hint } = asDogwoodError(error);
    const problem = `${code}: ${message}; ${hint}`;
    return { path, ok: false, free: null, storeSchema: null, problem };
  }
}

async function examineConfig(
  host: CliHost,
): Promise<DoctorDocument['config'] & { readonly settings: UserConfig }> {
  const path = userConfigPath(host) ?? null;
  const found = path !== null && (await stat(path).catch(() => undefined)) !== undefined;
  try {
    const settings = await readUserConfig(path ?? undefined);
    return { path, found, ok: true, problem: null, settings };
  } catch (error) {
    const settings = await readUserConfig(undefined);
    return { path, found, ok: false, problem: asDogwoodError(error).message, settings };
  }
}
