import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import { DogwoodError } from '../../errors.ts';
import { parseDockerHost } from './host.ts';

/** What one build leaves in a Docker Engine, so that it can be taken out of it again. */
export interface DockerBuildScope {
  /** The network of the build's containers, and of no other's; `host` where that was asked for. */
  readonly network: string;
  /** An empty volume for containers that share their network with others, to be found again by: NAME:PATH:OPTIONS. */
  readonly marker: string | undefined;
  /** A name that no other image has. */
  readonly image: string;
  /** Gives an image one more name (`REPOSITORY:TAG`), or moves that name here. Throws ENGINE_FAILED. */
  nameImage(image: string, name: string): Promise<void>;
  /** Removes containers that are left, with their volumes, then the image's name and the network. Never throws. */
  close(): Promise<void>;
}

/** Milliseconds that the engine may say nothing to a request: one that hangs must not hold up the end of a build. */
const SILENCE_MS = 60_000;

/** Volumes that pack makes for one build; caches have other names. */
const BUILD_VOLUME = /^pack-(?:layers|app)-[a-z]+$/;
/** Images that pack makes for one build. */
const BUILD_IMAGE = /^pack\.local\//;

/**
 * A network of its own for the containers of one pack build. pack would make one itself, but it does not remove that
 * when it is cancelled; and whatever is on ours at the end is this build's.
 *
 * Throws ENGINE_FAILED when the engine makes no network.
 */
export async function openDockerBuildScope(
  host: string | undefined,
  { hostNetwork }: { readonly hostNetwork: boolean },
): Promise<DockerBuildScope> {
  const { default: Client } = await import('dockerode');
  const docker = new Client({ ...parseDockerHost(host), timeout: SILENCE_MS });
  const id = randomBytes(8).toString('hex');
  const name = `dogwood-build-${id}`;
  const image = `dogwood.local/build/${id}:latest`;
  if (!hostNetwork) {
    await docker.createNetwork({ Name: name, Driver: 'bridge' }).catch((cause: Error) => {
      throw new DogwoodError('ENGINE_FAILED', `Docker makes no network for the build: ${cause.message}`, {
        cause,
      });
    });
  }
  return {
    network: hostNetwork ? 'host' : name,
    marker: hostNetwork ? `${name}:/run/${name}:ro` : undefined,
    image,
    async nameImage(from, to) {
      const colon = to.lastIndexOf(':');
      const [repo, tag] = [to.slice(0, colon), to.slice(colon + 1)];
      await docker
        .getImage(from)
        .tag({ repo, tag })
        .catch((cause: Error) => {
          throw new DogwoodError('ENGINE_FAILED', `Docker does not name ${to}: ${cause.message}`, {
            cause,
          });
        });
    },
    async close() {
      await removeContainers(docker, name).catch(() => {});
      await Promise.allSettled([
        docker.getImage(image).remove(),
        hostNetwork ? docker.getVolume(name).remove() : docker.getNetwork(name).remove(),
      ]);
    },
  };
}

/** @param scope the name of the network that they alone are in, or of the volume that they alone have */
async function removeContainers(docker: Docker, scope: string): Promise<void> {
  const all = await docker.listContainers({ all: true, filters: { label: ['author=pack'] } });
  const left = all.filter(
    ({ HostConfig, Mounts }) => HostConfig.NetworkMode === scope || Mounts.some(({ Name }) => Name === scope),
  );
  for (const { Id } of left)
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => {});
  const names = left.flatMap(({ Mounts }) => Mounts.flatMap(({ Name }) => Name ?? []));
  for (const name of new Set(names.filter((name) => BUILD_VOLUME.test(name)))) {
    await docker
      .getVolume(name)
      .remove()
      .catch(() => {});
  }
  for (const { Image } of left) {
    if (BUILD_IMAGE.test(Image))
      await docker
        .getImage(Image)
        .remove({ force: true })
        .catch(() => {});
  }
}
