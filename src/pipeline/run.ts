import type { DockerEngine } from '../engines/docker/engine.ts';
import type { Digest } from '../oci/digest.ts';
import { loadImage } from '../oci/load.ts';
import { readImageProcesses } from '../plan/processes.ts';
import type { ImageProcesses } from '../plan/start.ts';
import { openImage } from './places/open-image.ts';
import { loadIntoEngine } from './places/writable.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

export interface LoadedImage {
  /** The config's digest, by which the engine knows the image. */
  readonly imageId: Digest;
  readonly processes: ImageProcesses;
  /** Whether the image says itself what to run. */
  readonly hasCommand: boolean;
}

/** Makes sure that a Docker Engine has an image; gives what it is called there. Throws ENGINE_FAILED. */
export function loadIntoDocker(
  name: string,
  environment: PipelineEnvironment,
  docker: DockerEngine,
): Promise<LoadedImage> {
  return withSession(environment, async (session) => {
    const { signal } = environment;
    const { descriptor, from } = await openImage(name, 'local', session);
    const image = await loadImage(from, descriptor, { signal });
    const imageId = image.manifest.config.digest;
    if ((await docker.imageId(imageId, signal)) === undefined) {
      await loadIntoEngine(docker, from, image.descriptor, [], session);
    }
    const { Entrypoint, Cmd } = image.config.config ?? {};
    const hasCommand = [...(Entrypoint ?? []), ...(Cmd ?? [])].length > 0;
    return { imageId, processes: readImageProcesses(image.config), hasCommand };
  });
}
