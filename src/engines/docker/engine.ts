import { addAbortSignal, type Readable } from 'node:stream';
import type Docker from 'dockerode';
import { DogwoodError } from '../../errors.ts';
import type { DockerfileBuild, EngineRun } from '../dockerfile/engine.ts';
import { type DockerApi, dockerApi, isNotFound } from './api.ts';
import type { DockerBuildOptions } from './build.ts';
import type { ContainerOptions } from './container.ts';
import { type DockerAddress, describeAddress, parseDockerHost } from './host.ts';
import { inspectImage, saveImage } from './requests.ts';

/** A Docker Engine that answered. */
export interface DockerEngine {
  /** For messages: `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** Engine and API version. */
  readonly version: { readonly engine: string; readonly api: string };
  /** The id (config digest) of the image with this name or id; undefined when the engine has none. */
  imageId(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Takes a docker-archive in. Gives what the engine says it loaded: names, or ids of images without a name. */
  loadImage(archive: Readable, signal?: AbortSignal): Promise<readonly string[]>;
  /** An image as a docker-archive. Throws IMAGE_NOT_FOUND. */
  exportImage(name: string, signal?: AbortSignal): Promise<Readable>;
  /** Is it Podman, which speaks the same API and has no BuildKit? */
  readonly isPodman: boolean;
  /** A container in the host's network reaches this machine's loopback: no remote engine, and no virtual machine. */
  readonly sharesLoopback: boolean;
  /** Builds a Dockerfile; gives the image's id. See `build.ts`. */
  buildImage(build: DockerfileBuild, run: EngineRun, options: DockerBuildOptions): Promise<string>;
  /** Removes an image that nothing else uses; what cannot be removed stays. */
  removeImage(id: string): Promise<void>;
  /** Runs a container to its end and removes it; gives the application's exit code. */
  run(options: ContainerOptions): Promise<number>;
}

/** Milliseconds an engine has to answer the first question. */
const CONNECT_MS = 10_000;

// A name becomes part of a request path; nothing that could steer it elsewhere may be in it.
const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;

const UNREACHABLE = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'EACCES',
  'ENOTFOUND',
  'ENOTSOCK',
  'EHOSTUNREACH',
  'ECONNRESET',
]);

function checkName(name: string): void {
  if (!IMAGE_NAME.test(name) || name.split('/').includes('..')) {
    throw new DogwoodError('REFERENCE_INVALID', `not an image name: ${JSON.stringify(name.slice(0, 160))}`);
  }
}

function missing(address: DockerAddress, why: string): DogwoodError {
  return new DogwoodError(
    'ENGINE_MISSING',
    `no Docker Engine answers at ${describeAddress(address)} (${why})`,
    {
      hint: 'Start Docker, or set DOCKER_HOST to the engine to use; `build doctor` says what can be done without.',
    },
  );
}

function engineFailure(address: DockerAddress, what: string, error: unknown): DogwoodError {
  if (error instanceof DogwoodError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== undefined && UNREACHABLE.has(code)) return missing(address, code);
  const message = error instanceof Error ? error.message.trim() : String(error);
  return new DogwoodError('ENGINE_FAILED', `Docker could not ${what}: ${message}`, { cause: error });
}

/** Load reports as it goes, in JSON lines; an error inside the answer comes with status 200. */
async function readLoadReport(report: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of report) chunks.push(chunk);
  const names: string[] = [];
  for (const line of Buffer.concat(chunks).toString('utf8').split('\n')) {
    if (line.trim() === '') continue;
    const message = parseLine(line);
    if (message.error !== undefined) throw new Error(message.error);
    const match = /^Loaded image(?: ID)?: (\S+)$/m.exec(message.stream ?? '');
    if (match?.[1] !== undefined) names.push(match[1]);
  }
  return names;
}

function parseLine(line: string): { stream?: string; error?: string } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return {};
    const stream = 'stream' in value && typeof value.stream === 'string' ? { stream: value.stream } : {};
    return 'error' in value && typeof value.error === 'string' ? { ...stream, error: value.error } : stream;
  } catch {
    return {};
  }
}

/** What an engine says of itself (Engine API, SystemVersion), as far as anybody here asks. */
interface Version {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly Platform?: { readonly Name?: string } | null;
  readonly Components?: readonly { readonly Name: string }[] | null;
}

async function firstAnswer(api: DockerApi, address: DockerAddress, signal: AbortSignal | undefined) {
  const limit = AbortSignal.timeout(CONNECT_MS);
  try {
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    return (await api.ask({ path: '/version', signal: either })) as Version;
  } catch (error) {
    signal?.throwIfAborted();
    if (limit.aborted) throw missing(address, `no answer within ${CONNECT_MS / 1000} s`);
    throw engineFailure(address, 'say its version', error);
  }
}

/**
 * Connects to the Docker Engine at `host` ($DOCKER_HOST's form; undefined: the default socket).
 *
 * Throws ENGINE_MISSING when none answers, USAGE when the address cannot be read, ENGINE_FAILED when it answers
 * strangely.
 */
export async function connectDocker(host: string | undefined, signal?: AbortSignal): Promise<DockerEngine> {
  const address = parseDockerHost(host);
  const api = dockerApi(address);
  return createEngine(api, address, await firstAnswer(api, address, signal));
}

function createEngine(api: DockerApi, address: DockerAddress, version: Version): DockerEngine {
  // It costs 100 ms to load, and few commands want it.
  const client = async (): Promise<Docker> => new (await import('dockerode')).default(address);
  const attempt = async <T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>) => {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw engineFailure(address, what, error);
    }
  };
  const imageId = async (name: string, signal?: AbortSignal) => {
    checkName(name);
    return attempt(`look for the image ${name}`, signal, async () => {
      try {
        return (await inspectImage(api, name, signal)).Id;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    });
  };
  return {
    address: describeAddress(address),
    version: { engine: version.Version, api: version.ApiVersion },
    imageId,
    loadImage: (archive, signal) =>
      attempt('load the image', signal, async () => {
        const options = { quiet: true, ...(signal === undefined ? {} : { abortSignal: signal }) };
        return readLoadReport((await (await client()).loadImage(archive, options)) as Readable);
      }),
    async exportImage(name, signal) {
      // Older engines answer 500, not 404, when they have no such image.
      if ((await imageId(name, signal)) === undefined) {
        throw new DogwoodError('IMAGE_NOT_FOUND', `the Docker Engine has no image ${name}`);
      }
      const archive = await attempt(`export ${name}`, signal, () => saveImage(api, name, signal));
      return signal === undefined ? archive : addAbortSignal(signal, archive);
    },
    isPodman: (version.Components ?? []).some(({ Name }) => /podman/i.test(Name)),
    sharesLoopback: 'socketPath' in address && !/Desktop/.test(version.Platform?.Name ?? ''),
    async buildImage(build, run, options) {
      const { buildImage } = await import('./build.ts');
      return buildImage(await client(), api, build, run, options);
    },
    async removeImage(id) {
      await api.ask({ method: 'DELETE', path: `/images/${id}` }).catch(() => {});
    },
    async run(options) {
      const { runContainer } = await import('./container.ts');
      return runContainer(await client(), options);
    },
  };
}
