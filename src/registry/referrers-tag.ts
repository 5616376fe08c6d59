import { DogwoodError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { MAX_DOCUMENT_BYTES, parseIndex } from '../oci/documents.ts';
import { MEDIA_TYPES } from '../oci/media-types.ts';
import { registryHost } from '../oci/reference.ts';
import type { Scope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import type { RegistryResponse } from './exchange.ts';
import { bytesBody, discard, header } from './http/body.ts';
import { retryDelay } from './http/retry.ts';
import type { Repository } from './pull.ts';
import { getWhole } from './whole-answer.ts';

/** The index that a registry without a list of referrers keeps under a tag. */
interface Fallback {
  readonly digest: Digest;
  readonly etag: string | undefined;
  /** As it was written, with fields that we do not know. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly manifests: readonly Descriptor[];
}

interface FallbackOptions {
  readonly scopes: readonly Scope[];
  readonly signal?: AbortSignal | undefined;
}

/** distribution-spec, "Referrers Tag Schema": `sha256-<hex>`, of longer digests the first 64 characters. */
export function fallbackTag(subject: Digest): string {
  const [algorithm = '', encoded = ''] = subject.split(':');
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`;
}

/**
 * Undefined where there is none. GitLab takes such a tag for the digest, and answers with the subject itself
 * (oras-go#1396): only an index that is another document counts.
 */
export async function readFallback(
  client: RegistryClient,
  { registry, repository }: Repository,
  subject: Digest,
  { scopes, signal }: FallbackOptions,
): Promise<Fallback | undefined> {
  const tag = fallbackTag(subject);
  const what = `manifest ${tag} of ${repository}`;
  const isIndex = (response: RegistryResponse) =>
    response.status === 200 && (header(response, 'content-type') ?? '').startsWith(MEDIA_TYPES.ociIndex);
  const request = {
    registry,
    url: `/v2/${repository}/manifests/${tag}`,
    scopes,
    headers: { accept: `${MEDIA_TYPES.ociIndex}, ${MEDIA_TYPES.ociManifest}` },
    what,
    expect: [200, 404],
    signal,
  };
  const { response, bytes } = await getWhole(client, request, MAX_DOCUMENT_BYTES, isIndex);
  if (!isIndex(response)) return undefined;
  const digest = digestOf(bytes);
  if (digest === subject) return undefined;
  const { manifests } = parseIndex(bytes, `${registry}: ${what}`);
  return { digest, etag: header(response, 'etag'), document: JSON.parse(bytes.toString('utf8')), manifests };
}

interface Change extends FallbackOptions {
  readonly add?: Descriptor | undefined;
  readonly remove?: Digest | undefined;
}

/**
 * Changes the index under the fallback tag: reads, writes with `If-Match`, and looks whether what it wrote is there.
 * Other writers may do the same at once, and few registries heed `If-Match` (go-containerregistry#2205): what got lost
 * is written once more. Within a process one change waits for the other.
 *
 * @throws REGISTRY_UNSUPPORTED when what is written never shows; REGISTRY_*
 */
export async function changeFallback(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  change: Change,
): Promise<void> {
  const key = `${registryHost(repository.registry)}/${repository.repository}:${fallbackTag(subject)}`;
  const before = client.fallbacks.get(key) ?? Promise.resolve();
  const own = before.catch(() => undefined).then(() => changeNow(client, repository, subject, change));
  client.fallbacks.set(key, own);
  try {
    await own;
  } finally {
    if (client.fallbacks.get(key) === own) client.fallbacks.delete(key);
  }
}

async function changeNow(
  client: RegistryClient,
  repository: Repository,
  subject: Digest,
  change: Change,
): Promise<void> {
  const { retry } = client;
  for (let attempt = 1; ; attempt += 1) {
    const current = await readFallback(client, repository, subject, change);
    if (isDone(current, change)) return;
    // The last look was at what the last attempt wrote.
    if (attempt > retry.attempts) break;
    if (attempt > 1) await retry.sleep(retryDelay(retry, attempt, undefined), change.signal);
    const isLast = current?.manifests.every(({ digest }) => digest === change.remove) === true;
    const canGo = attempt === 1 && isLast && change.add === undefined;
    // Looked at again: with crane's registry a tag stays when its manifest goes.
    if (canGo && (await removeIndex(client, repository, current.digest, change))) continue;
    await write(client, repository, fallbackTag(subject), current, change);
  }
  throw new DogwoodError(
    'REGISTRY_UNSUPPORTED',
    `${repository.registry}/${repository.repository} keeps no referrers: neither a list of its own nor the tag ${fallbackTag(subject)}`,
    { hint: 'The manifest is there, but only those who know its digest will find it.' },
  );
}

/**
 * By its digest, not by the tag: an index that somebody wrote meanwhile stays. False where the registry does not do so;
 * then an empty index has to do.
 */
async function removeIndex(
  client: RegistryClient,
  { registry, repository }: Repository,
  index: Digest,
  { scopes, signal }: FallbackOptions,
): Promise<boolean> {
  const response = await client.send({
    method: 'DELETE',
    registry,
    url: `/v2/${repository}/manifests/${index}`,
    scopes,
    what: `manifest ${index} of ${repository}`,
    expect: [202, 200, 204, 404, 400, 403, 405],
    signal,
  });
  discard(response);
  return response.status < 300 || response.status === 404;
}

function isDone(current: Fallback | undefined, { add, remove }: Change): boolean {
  const digests = current?.manifests.map(({ digest }) => digest) ?? [];
  return (
    (add === undefined || digests.includes(add.digest)) && (remove === undefined || !digests.includes(remove))
  );
}

async function write(
  client: RegistryClient,
  { registry, repository }: Repository,
  tag: string,
  current: Fallback | undefined,
  { add, remove, scopes, signal }: Change,
): Promise<void> {
  const kept = current?.manifests.filter(({ digest }) => digest !== remove && digest !== add?.digest) ?? [];
  const document = {
    ...current?.document,
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: add === undefined ? kept : [...kept, add],
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const response = await client.send({
    method: 'PUT',
    registry,
    url: `/v2/${repository}/manifests/${tag}`,
    scopes,
    headers: {
      'content-type': MEDIA_TYPES.ociIndex,
      ...(current?.etag === undefined ? {} : { 'if-match': current.etag }),
    },
    body: bytesBody(bytes),
    what: `manifest ${tag} of ${repository}`,
    // 412: somebody else was faster; what he wrote is read next.
    expect: [201, 200, 202, 204, 412],
    signal,
  });
  discard(response);
}
