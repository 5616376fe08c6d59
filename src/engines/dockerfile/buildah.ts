import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import { createLineSplitter } from '../lines.ts';
import { runProcess } from '../process.ts';
import { takeArchive } from './archive-process.ts';
import { createMark, removeMarked, withOwnRoom } from './buildah-leftovers.ts';
import type { DockerfileBuild, DockerfileEngine, EngineRun } from './engine.ts';
import { buildFailure } from './failure.ts';
import { handOverSecrets, secretFlags } from './secret-files.ts';
import { BUILDAH, createStepProgress } from './step-lines.ts';

const ANSWER_MS = 10_000;
/** Milliseconds that Buildah gets to remove its working containers when a build is called off. */
const CLEAN_UP_MS = 8_000;

/** Buildah of this machine. Gives undefined when it is not there. Throws only on abort. */
export async function findBuildah(
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  why: (reason: string) => void,
): Promise<DockerfileEngine | undefined> {
  try {
    const { exitCode, stdout, stderr } = await runProcess('buildah', ['--version'], {
      env: variables,
      timeoutMs: ANSWER_MS,
      signal,
    });
    const version = /version ([0-9.]+)/.exec(stdout)?.[1];
    if (exitCode === 0 && version !== undefined) return createBuildah(version);
    why(`buildah cannot start: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  } catch (error) {
    signal.throwIfAborted();
    why(error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

function createBuildah(version: string): DockerfileEngine {
  const description = `Buildah ${version}`;
  return {
    name: 'buildah',
    description,
    cachesSecretSteps: false,
    compresses: false,
    irreproducible: ({ needsDockerConfig }) =>
      needsDockerConfig ? "Buildah writes its container's id into a config with a health check" : undefined,
    cannot(ability, demands) {
      const caches = ability === 'cache import' ? demands.cacheFrom : demands.cacheTo;
      if (ability === 'remote frontends') return 'it reads Dockerfiles itself';
      if (ability !== 'cache import' && ability !== 'cache export') return undefined;
      if (demands.secrets.length > 0) return 'with secrets it runs every step, so that a changed one is seen';
      return caches.every((cache) => repositoryOf(cache) !== undefined)
        ? undefined
        : 'it has caches in a registry only, type=registry,ref=HOST/REPOSITORY';
    },
    async build(build, givenRun, take) {
      const variables = await withOwnRoom(withoutEmptyConfig(givenRun.variables), givenRun);
      const run = { ...givenRun, variables };
      const image = await buildImage(build, run, description);
      try {
        const refuse = ({ stderr }: { stderr: string }) =>
          /no space left/.test(stderr)
            ? buildFailure({ engine: description, text: stderr, step: undefined })
            : new DogwoodError(
                'ENGINE_FAILED',
                `${description} could not hand over the image: ${stderr.trim()}`,
              );
        const options = { env: variables, signal: run.signal };
        return await takeArchive('sh', ['-c', PUSH, 'sh', image], options, refuse, take);
      } finally {
        // With layers the image is the cache of the next build, and stays.
        if (!usesLayers(build)) await remove(image, run);
      }
    },
  };
}

/**
 * An oci-archive is put together in a temporary folder first; a docker-archive streams. Buildah opens /dev/stdout by
 * name, which works with a pipe and not with the socket that Node gives a child: hence `cat`, and the old way round to
 * the exit status of what stands before it.
 */
const PUSH = `exec 3>&1
status=$({ { buildah push --quiet "$1" docker-archive:/dev/stdout; echo $? >&4; } | cat >&3; } 4>&1)
exit "$status"`;

/** Buildah 1.28 takes a Docker config folder without a config in it for a mistake. */
function withoutEmptyConfig(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { DOCKER_CONFIG: folder, ...rest } = variables;
  return folder === undefined || existsSync(join(folder, 'config.json')) ? variables : rest;
}

/** Buildah recognises a step by its text alone: with secrets it may recognise none. */
const usesLayers = (build: DockerfileBuild): boolean => build.secrets.length === 0 && !build.noCache;

/** `HOST/REPOSITORY` of a cache in a registry; Buildah takes no tag. */
function repositoryOf(cache: string): string | undefined {
  if (!cache.includes('=')) return cache;
  const fields = new Map(cache.split(',').map((field) => field.split('=', 2) as [string, string]));
  return fields.get('type') === 'registry' ? fields.get('ref')?.replace(/:[^:/]+$/, '') : undefined;
}

async function buildImage(build: DockerfileBuild, run: EngineRun, engine: string): Promise<string> {
  const folder = await run.makeFolder();
  const idFile = join(folder, 'image');
  const secrets = await handOverSecrets(build.secrets, run);
  const progress = createStepProgress(BUILDAH, run.onProgress);
  const lines = {
    stdout: createLineSplitter((line) => progress.line('stdout', line)),
    stderr: createLineSplitter((line) => progress.line('stderr', line)),
  };
  const mark = createMark();
  const result = await runProcess(
    'buildah',
    buildahArguments(build, idFile, [...secretFlags(secrets), ...mark.flags]),
    {
      env: { ...run.variables, ...secrets.variables },
      signal: run.signal,
      graceMs: CLEAN_UP_MS,
      onOutput: (stream, bytes) => lines[stream].push(bytes),
    },
  ).catch(async (error: unknown) => {
    await removeMarked(mark.text, run.variables);
    throw error;
  });
  lines.stdout.end();
  lines.stderr.end();
  if (result.exitCode !== 0) {
    const text = result.stderr
      .split('\n')
      .filter((line) => /error/i.test(line))
      .slice(-3)
      .join('\n');
    const step = progress.fail(text);
    const line = step && run.lineOf(step.name);
    throw buildFailure({ engine, text: text || result.stderr, step, line });
  }
  progress.finish();
  return (await readFile(idFile, 'utf8')).trim();
}

function buildahArguments(
  build: DockerfileBuild,
  idFile: string,
  secrets: readonly string[],
): readonly string[] {
  const { folder, name, ignoreFile } = build.dockerfile;
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
  const layers = usesLayers(build);
  return [
    'build',
    // OCI's own config knows no health check, no shell and no ONBUILD. Docker's does, and has a container's id in it.
    ...[
      '--format',
      build.needsDockerConfig ? 'docker' : 'oci',
      '--identity-label=false',
      '--timestamp',
      String(build.epoch),
    ],
    ...['--file', join(folder, name), '--iidfile', idFile, `--layers=${layers}`, '--force-rm'],
    ...(build.noCache ? ['--no-cache'] : []),
    ...(ignoreFile === undefined ? [] : ['--ignorefile', ignoreFile]),
    ...['--platform', build.platform],
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...pairs('--build-arg', build.buildArgs),
    ...pairs('--label', build.labels),
    ...build.contexts.flatMap(({ name: image, layout, tag }) => [
      '--build-context',
      `${image}=docker-image://oci:${layout}${tag === undefined ? '' : `:${tag}`}`,
    ]),
    ...secrets,
    ...build.ssh.flatMap((each) => ['--ssh', each]),
    ...build.cacheFrom.flatMap((each) => ['--cache-from', repositoryOf(each) ?? each]),
    ...build.cacheTo.flatMap((each) => ['--cache-to', repositoryOf(each) ?? each]),
    build.contextFolder,
  ];
}

/** Whatever happened; what cannot be removed is no failure of the build. */
async function remove(image: string, { variables }: EngineRun): Promise<void> {
  await runProcess('buildah', ['rmi', '--force', image], { env: variables, timeoutMs: 30_000 }).catch(
    () => {},
  );
}
