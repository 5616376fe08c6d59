import type { DockerEngine } from '../docker/engine.ts';
import { connectDocker } from '../docker/engine.ts';
import type { DockerfileEngine } from './engine.ts';

/** The API that Docker 18.09 brought, and with it BuildKit. */
const BUILDKIT_API = 1.39;

/**
 * A Docker Engine at `host`, by its own API: with the BuildKit in it where there is one ($DOCKER_BUILDKIT=0 asks for
 * the classic builder, as with Docker's own client). Gives undefined when none answers. Throws only on abort.
 */
export async function findDockerBuilder(
  host: string | undefined,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  why: (reason: string) => void,
): Promise<DockerfileEngine | undefined> {
  let engine: DockerEngine;
  try {
    engine = await connectDocker(host, signal);
  } catch (error) {
    signal.throwIfAborted();
    why(error instanceof Error ? error.message : String(error));
    return undefined;
  }
  const hasBuildkit = Number(engine.version.api) >= BUILDKIT_API && !engine.isPodman;
  const classic = !hasBuildkit || /^(?:0|false)$/i.test(variables.DOCKER_BUILDKIT ?? '');
  const description = `Docker Engine ${engine.version.engine} (${classic ? 'classic builder' : 'BuildKit'})`;
  return {
    name: 'docker',
    description,
    cachesSecretSteps: false,
    compresses: false,
    irreproducible: () => 'the Docker Engine writes the times of the build into its image',
    cannot(ability, demands) {
      switch (ability) {
        case 'secrets':
        case 'ssh':
          return 'its API has no session that hands them over';
        case 'named contexts':
        case 'cache export':
        case 'remote frontends':
          return 'its API does not take them';
        case 'cache import':
          return demands.cacheFrom.every(
            (cache) => !cache.includes('=') || cache.startsWith('type=registry,'),
          )
            ? undefined
            : 'it reads caches of images only, type=registry,ref=IMAGE';
      }
    },
    async build(build, run, take) {
      const image = await engine.buildImage(build, run, { classic, description });
      try {
        return await take(await engine.exportImage(image, run.signal));
      } finally {
        // The classic builder's cache is its images; BuildKit keeps its own.
        if (!classic) await engine.removeImage(image);
      }
    },
  };
}
