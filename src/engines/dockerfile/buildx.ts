import { join } from 'node:path';
import { runProcess } from '../process.ts';
import { outputOf, shortName } from './buildkit.ts';
import type { DockerfileBuild, DockerfileEngine } from './engine.ts';
import { takeSolve } from './solve.ts';

/** Milliseconds the builder has to describe itself; it may be on another machine. */
const ANSWER_MS = 10_000;

/** Docker's plugin, or the same program on its own. */
const PROGRAMS: readonly (readonly [string, ...string[]])[] = [
  ['docker', 'buildx'],
  ['docker-buildx'],
  ['buildx'],
];

/** Nothing but the image, and nothing of the repository around it. */
const QUIET = { BUILDX_NO_DEFAULT_ATTESTATIONS: '1', BUILDX_GIT_INFO: 'false' };

/**
 * buildx with the builder that is selected ($BUILDX_BUILDER). Gives undefined when it is not there, or when its builder
 * is Docker's own driver, which writes no archives: then the Docker Engine is asked directly. Throws only on abort.
 */
export async function findBuildx(
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  why: (reason: string) => void,
): Promise<DockerfileEngine | undefined> {
  for (const program of PROGRAMS) {
    const [file, ...words] = program;
    try {
      const options = { env: variables, timeoutMs: ANSWER_MS, maxOutputBytes: 64 * 1024, signal };
      const version = await runProcess(file, [...words, 'version'], options);
      if (version.exitCode !== 0) continue;
      const { exitCode, stdout } = await runProcess(file, [...words, 'inspect'], options);
      const driver = /^Driver:\s*(\S+)/m.exec(stdout)?.[1];
      const name = /^Name:\s*(\S+)/m.exec(stdout)?.[1] ?? 'default';
      if (exitCode !== 0 || driver === undefined) why('buildx has no builder that works');
      else if (driver === 'docker') why(`its builder ${name} is Docker's own, which writes no archives`);
      else return createBuildx(program, name);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      why(error instanceof Error ? error.message : String(error));
    }
  }
  why('there is no buildx plugin of docker');
  return undefined;
}

function createBuildx([file, ...words]: readonly [string, ...string[]], builder: string): DockerfileEngine {
  const description = `buildx with the builder ${builder}`;
  return {
    name: 'buildx',
    description,
    cachesSecretSteps: true,
    compresses: true,
    irreproducible: () => undefined,
    cannot: () => undefined,
    build: (build, run, take) =>
      takeSolve(
        {
          description,
          file,
          variables: QUIET,
          args: (secrets) => [...words, ...buildxArguments(build, secrets)],
        },
        build,
        run,
        take,
      ),
  };
}

function buildxArguments(build: DockerfileBuild, secrets: readonly string[]): readonly string[] {
  const { folder, name } = build.dockerfile;
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
  return [
    'build',
    ...['--progress', 'rawjson', '--provenance=false', '--sbom=false'],
    ...['--file', join(folder, name), '--platform', build.platform],
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...(build.noCache ? ['--no-cache'] : []),
    ...pairs('--build-arg', { SOURCE_DATE_EPOCH: String(build.epoch), ...build.buildArgs }),
    ...pairs('--label', build.labels),
    ...build.pins.flatMap(({ name: image, digest }) => [
      '--build-context',
      `${shortName(image)}=docker-image://${image}@${digest}`,
    ]),
    ...build.contexts.flatMap(({ name: image, layout, digest }) => [
      '--build-context',
      `${shortName(image)}=oci-layout://${layout}@${digest}`,
    ]),
    ...secrets,
    ...build.ssh.flatMap((each) => ['--ssh', each]),
    ...build.cacheFrom.flatMap((each) => ['--cache-from', each]),
    ...build.cacheTo.flatMap((each) => ['--cache-to', each]),
    ...['--output', `${outputOf(build)},dest=-`],
    build.contextFolder,
  ];
}
