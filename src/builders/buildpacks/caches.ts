import type { Platform } from '../../oci/descriptor.ts';
import { digestOf } from '../../oci/digest.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { parseReference } from '../../oci/reference.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';

/** What is kept in the Docker Engine from one build of an app to the next. */
export interface Caches {
  /** What the names of these caches have in common, and no other's. */
  readonly name: string;
  /** Volumes. */
  readonly build: string;
  readonly launch: string;
  /**
   * The image of the last build. Layers that are launched are restored only with it at hand, be they in the cache or
   * not (platform specification before 0.14).
   */
  readonly image: string;
}

/**
 * Names are hashes of tenant, app, builder and platform: two tenants never share anything, whatever their apps are
 * called.
 *
 * @param app what is the same in every build of the app: a folder's path, an archive's name
 */
export function cachesOf(
  request: Pick<BuildRequest, 'tenant' | 'destinations'>,
  app: string,
  builder: string,
  platform: Platform,
): Caches {
  const repositories = request.destinations
    .flatMap(({ reference }) => (reference === undefined ? [] : [repositoryOf(reference)]))
    .sort();
  // Where it goes tells one app from another better than where its source lies.
  const identity = repositories.length > 0 ? repositories : [app];
  const key = canonicalJson([request.tenant, identity, builder, formatPlatform(platform)]);
  const id = digestOf(key).slice('sha256:'.length, 'sha256:'.length + 32);
  const volume = `dogwood-cache-${id}`;
  return {
    name: volume,
    build: `${volume}.build`,
    launch: `${volume}.launch`,
    image: `dogwood.local/cache/${id}:latest`,
  };
}

/** What is the same in every build of an app: a folder of this machine by its path, what is fetched by where from. */
export function appIdentity(source: Source, tree: Tree): string {
  if (source.kind !== 'tree') return source.name;
  const { origin } = source;
  return origin === undefined ? tree.root : canonicalJson([origin.repository, origin.ref, origin.folder]);
}

function repositoryOf(text: string): string {
  const { registry, repository } = parseReference(text.replace(/^docker:\/\//, ''));
  return `${registry}/${repository}`;
}
