import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseIndex } from '../oci/documents.ts';
import { MEDIA_TYPES } from '../oci/media-types.ts';
import { registryHost } from '../oci/reference.ts';
import { referrerEntry, subjectOf } from '../oci/referrer.ts';
import { pullScope, type Scope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import { header } from './http/body.ts';
import { pagesOf } from './pages.ts';
import type { Repository } from './pull.ts';
import { changeFallback, readFallback } from './referrers-tag.ts';
import type { WholeAnswer } from './whole-answer.ts';

export interface ListReferrersOptions {
  readonly artifactType?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What refers to a manifest with its `subject` (distribution-spec, "Listing Referrers"): from the registry's own list,
 * or where it has none, from the index under the fallback tag.
 *
 * @throws REGISTRY_*
 */
export async function listReferrers(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  { artifactType, signal }: ListReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const scopes = [pullScope(repository.repository)];
  const options = { scopes, artifactType, signal };
  const found =
    (await fromApi(client, repository, subject, options)) ??
    (await readFallback(client, repository, subject, options))?.manifests ??
    [];
  // Not all registries filter, nor does a tag.
  const wanted = found.filter((entry) => artifactType === undefined || entry.artifactType === artifactType);
  return [...new Map(wanted.map((entry) => [entry.digest, entry])).values()];
}

/**
 * Makes a manifest that was put findable from its subject where the registry does not do so itself. The registry is
 * always asked: `OCI-Subject` in the answer to a manifest's PUT is there without a list behind it, and a list without it.
 *
 * @throws REGISTRY_UNSUPPORTED where the fallback tag cannot be kept either; REGISTRY_*
 */
export async function addReferrer(
  client: RegistryClient,
  repository: Repository,
  { referrer, bytes }: { readonly referrer: Descriptor; readonly bytes: Uint8Array },
  { scopes, signal }: { readonly scopes: readonly Scope[]; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const subject = subjectOf(referrer, bytes);
  if (subject === undefined) return;
  if ((await fromApi(client, repository, subject, { scopes, signal })) !== undefined) return;
  const entry = referrerEntry(referrer, bytes);
  await changeFallback(client, repository, subject, { add: entry, scopes, signal });
}

/** Takes a manifest that was deleted off the fallback tag of its subject, where the registry has no list of its own. */
export async function removeReferrer(
  client: RegistryClient,
  repository: Repository,
  { referrer, subject }: { readonly referrer: Digest; readonly subject: Digest },
  { scopes, signal }: { readonly scopes: readonly Scope[]; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  if ((await fromApi(client, repository, subject, { scopes, signal })) !== undefined) return;
  await changeFallback(client, repository, subject, { remove: referrer, scopes, signal });
}

interface ApiOptions extends ListReferrersOptions {
  readonly scopes: readonly Scope[];
}

/** Undefined where the registry has no such list. */
async function fromApi(
  client: RegistryClient,
  { registry, repository }: Repository,
  subject: Digest,
  { artifactType, scopes, signal }: ApiOptions,
): Promise<readonly Descriptor[] | undefined> {
  const filter = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType })}`;
  const request = {
    registry,
    url: `/v2/${repository}/referrers/${subject}${filter}`,
    scopes,
    headers: { accept: MEDIA_TYPES.ociIndex },
    what: `referrers of ${subject} in ${repository}`,
    signal,
  };
  const collect = async (expect: readonly number[]) => {
    const found: Descriptor[] = [];
    for await (const page of pagesOf(client, { ...request, expect })) {
      if (page.response.status !== 200 || !isIndex(page)) return { page, found: undefined };
      found.push(...parseIndex(page.bytes, request.what).manifests);
    }
    return { page: undefined, found };
  };
  // GHCR leads to a web page of another host, which may say 429 (artifacthub/hub#4785).
  const { page, found } = await collect([200, 400, 404, 405, 429]);
  const isOwn429 = page?.response.status === 429 && page.response.url.host === registryHost(registry);
  return isOwn429 ? (await collect([200, 400, 404, 405])).found : found;
}

function isIndex({ response }: WholeAnswer): boolean {
  return (header(response, 'content-type') ?? '').split(';')[0]?.trim() === MEDIA_TYPES.ociIndex;
}
