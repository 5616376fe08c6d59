import { randomBytes } from 'node:crypto';
import { DogwoodError } from '../../errors.ts';
import { type DockerApi, dockerApi } from './api.ts';
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
  /** Removes containers that are left, with their volumes, then the image's name and the network; once. Never throws. */
  close(): Promise<void>;
}

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
  { hostNetwork, signal }: { readonly hostNetwork: boolean; readonly signal?: AbortSignal | undefined },
): Promise<DockerBuildScope> {
  const api = dockerApi(parseDockerHost(host));
  const id = randomBytes(8).toString('hex');
  const name = `dogwood-build-${id}`;
  const image = `dogwood.local/build/${id}:latest`;
  const remove = (path: string): Promise<unknown> => api.ask({ method: 'DELETE', path });
  const tell = async (what: string, path: string, body?: Record<string, unknown>): Promise<void> => {
    try {
      await api.ask({ method: 'POST', path, body, signal });
    } catch (cause) {
      signal?.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DogwoodError('ENGINE_FAILED', `Docker ${what}: ${why}`, { cause });
    }
  };
  if (!hostNetwork) {
    try {
      await tell('makes no network for the build', '/networks/create', { Name: name, Driver: 'bridge' });
    } catch (error) {
      // Called off, or answered too late: it may be there all the same.
      await remove(`/networks/${name}`).catch(() => {});
      throw error;
    }
  }
  const close = async (): Promise<void> => {
    await removeContainers(api, name).catch(() => {});
    await Promise.allSettled([
      remove(`/images/${image}`),
      remove(hostNetwork ? `/volumes/${name}` : `/networks/${name}`),
    ]);
  };
  let closing: Promise<void> | undefined;
  return {
    network: hostNetwork ? 'host' : name,
    marker: hostNetwork ? `${name}:/run/${name}:ro` : undefined,
    image,
    async nameImage(from, to) {
      const colon = to.lastIndexOf(':');
      const query = new URLSearchParams({ repo: to.slice(0, colon), tag: to.slice(colon + 1) });
      await tell(`does not name ${to}`, `/images/${from}/tag?${query}`);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** The Engine API's ContainerSummary, as far as it is looked at. */
interface Container {
  readonly Id: string;
  readonly Image: string;
  readonly HostConfig?: { readonly NetworkMode?: string } | null;
  readonly Mounts?: readonly { readonly Name?: string }[] | null;
}

/** @param scope the name of the network that they alone are in, or of the volume that they alone have */
async function removeContainers(api: DockerApi, scope: string): Promise<void> {
  const remove = (path: string): Promise<unknown> => api.ask({ method: 'DELETE', path }).catch(() => {});
  const filters = new URLSearchParams({ all: 'true', filters: JSON.stringify({ label: ['author=pack'] }) });
  const all = (await api.ask({ path: `/containers/json?${filters}` })) as readonly Container[];
  const left = all.filter(
    ({ HostConfig, Mounts }) =>
      HostConfig?.NetworkMode === scope || (Mounts ?? []).some(({ Name }) => Name === scope),
  );
  for (const { Id } of left) await remove(`/containers/${Id}?force=true`);
  const names = left.flatMap(({ Mounts }) => (Mounts ?? []).flatMap(({ Name }) => Name ?? []));
  for (const name of new Set(names.filter((name) => BUILD_VOLUME.test(name))))
    await remove(`/volumes/${name}`);
  for (const { Image } of left) if (BUILD_IMAGE.test(Image)) await remove(`/images/${Image}?force=true`);
}
