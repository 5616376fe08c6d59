import { runProcess } from '../process.ts';
import type { DockerfileBuild, DockerfileEngine } from './engine.ts';
import { takeSolve } from './solve.ts';

/** Where buildctl looks when BUILDKIT_HOST says nothing. */
const DEFAULT_ADDRESS = 'unix:///run/buildkit/buildkitd.sock';
/** Milliseconds a daemon has to answer. */
const ANSWER_MS = 5_000;

/**
 * BuildKit by its own client, at $BUILDKIT_HOST or the default socket; local or remote. Gives undefined when there is
 * no `buildctl` or no daemon answers; `why` is told which. Throws only on abort.
 */
export async function findBuildkit(
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  why: (reason: string) => void,
): Promise<DockerfileEngine | undefined> {
  const address = variables.BUILDKIT_HOST || DEFAULT_ADDRESS;
  try {
    const answer = await runProcess('buildctl', ['--addr', address, 'debug', 'workers'], {
      env: variables,
      timeoutMs: ANSWER_MS,
      maxOutputBytes: 64 * 1024,
      signal,
    });
    if (answer.exitCode === 0) return createBuildkit(address);
    why(`no BuildKit daemon answers at ${describe(address)}`);
  } catch (error) {
    signal.throwIfAborted();
    why(error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

/** The address without what might be a credential in it. */
const describe = (address: string): string => address.replace(/\/\/[^/@]*@/, '//');

function createBuildkit(address: string): DockerfileEngine {
  const description = `BuildKit at ${describe(address)}`;
  return {
    name: 'buildkit',
    description,
    cachesSecretSteps: true,
    compresses: true,
    irreproducible: () => undefined,
    cannot: () => undefined,
    build: (build, run, take) =>
      takeSolve(
        {
          description,
          file: 'buildctl',
          variables: {},
          args: (secrets) => ['--addr', address, ...buildctlArguments(build, secrets)],
        },
        build,
        run,
        take,
      ),
  };
}

function buildctlArguments(build: DockerfileBuild, secrets: readonly string[]): readonly string[] {
  const options: readonly (readonly [string, string])[] = [
    ['filename', build.dockerfile.name],
    ['platform', build.platform],
    ...(build.target === undefined ? [] : [['target', build.target] as const]),
    ...(build.noCache ? [['no-cache', ''] as const] : []),
    // The user's own value of it, where there is one, comes last.
    ['build-arg:SOURCE_DATE_EPOCH', String(build.epoch)],
    ...Object.entries(build.buildArgs).map(([name, value]) => [`build-arg:${name}`, value] as const),
    ...Object.entries(build.labels).map(([name, value]) => [`label:${name}`, value] as const),
    ...build.pins.map(
      ({ name, digest }) => [`context:${shortName(name)}`, `docker-image://${name}@${digest}`] as const,
    ),
    ...build.contexts.map(
      ({ name, digest }, index) =>
        [`context:${shortName(name)}`, `oci-layout://${layoutId(index)}@${digest}`] as const,
    ),
  ];
  return [
    'build',
    ...['--frontend', 'dockerfile.v0', '--progress', 'rawjson'],
    ...['--local', `context=${build.contextFolder}`],
    ...['--local', `dockerfile=${build.dockerfile.folder}`],
    ...options.flatMap(([name, value]) => ['--opt', `${name}=${value}`]),
    ...secrets,
    ...build.ssh.flatMap((each) => ['--ssh', each]),
    ...build.cacheFrom.flatMap((each) => ['--import-cache', cacheField(each)]),
    ...build.cacheTo.flatMap((each) => ['--export-cache', cacheField(each)]),
    ...build.contexts.flatMap(({ layout }, index) => ['--oci-layout', `${layoutId(index)}=${layout}`]),
    ...['--output', outputOf(build)],
  ];
}

/** As the frontend looks a context up: Docker Hub's own prefixes and the tag `latest` go without saying. */
export const shortName = (name: string): string =>
  name
    .replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, '')
    .replace(/^library\//, '')
    .replace(/:latest$/, '');

const layoutId = (index: number): string => `dogwood-context-${index}`;

/** A bare reference is a registry's, as Docker reads it. */
const cacheField = (text: string): string => (text.includes('=') ? text : `type=registry,ref=${text}`);

/** One image without attestations, its times no later than the epoch, so that the same input gives the same bytes. */
export function outputOf({ compression }: DockerfileBuild): string {
  const fields = ['type=oci', 'rewrite-timestamp=true'];
  if (compression === 'keep') return fields.join(',');
  const name = compression === 'none' ? 'uncompressed' : compression;
  return [...fields, `compression=${name}`, 'force-compression=true'].join(',');
}
