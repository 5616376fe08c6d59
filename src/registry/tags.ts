import { isTag } from '../oci/reference.ts';
import { pullScope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import { jsonOf, pagesOf } from './pages.ts';
import type { Repository } from './pull.ts';

/** More at once is refused by some (ECR, go-containerregistry#681). */
const PAGE_SIZE = 1000;

export interface ListTagsOptions {
  /** No further page is asked for once there are so many. Default: all of them. */
  readonly enough?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tags of a repository, in the registry's order (distribution-spec, "Listing Tags").
 *
 * @throws IMAGE_NOT_FOUND when there is no such repository; REGISTRY_*
 */
export async function listTags(
  client: RegistryClient,
  { registry, repository }: Repository,
  { enough = Number.POSITIVE_INFINITY, signal }: ListTagsOptions = {},
): Promise<readonly string[]> {
  const what = `tags of ${repository}`;
  const tags = new Set<string>();
  const pages = pagesOf(client, {
    registry,
    url: `/v2/${repository}/tags/list?n=${PAGE_SIZE}`,
    scopes: [pullScope(repository)],
    headers: { accept: 'application/json' },
    what,
    expect: [200],
    signal,
  });
  for await (const page of pages) {
    const { tags: listed } = jsonOf(page, `${registry}: ${what}`);
    // Null where there are none (distribution).
    for (const tag of Array.isArray(listed) ? listed : []) {
      if (typeof tag === 'string' && isTag(tag)) tags.add(tag);
    }
    if (tags.size >= enough) break;
  }
  return [...tags];
}
