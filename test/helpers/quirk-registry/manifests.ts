import { answer, type Exchange, fail } from './exchange.ts';
import { receive } from './receive.ts';
import { touchFallback } from './referrers.ts';
import { digestAs, existing, type Manifest, namedBy, type Repository, repositoryOf } from './state.ts';

const MAX_MANIFEST = 4 * 1024 * 1024;

/** `GET`, `HEAD`, `PUT` and `DELETE` of a manifest, by tag or digest. */
export async function manifest(exchange: Exchange, name: string, reference: string): Promise<undefined> {
  const { registry, request } = exchange;
  const { p14 } = registry.quirks;
  if (request.method === 'PUT') return await put(exchange, name, reference);
  const repository = existing(registry.state, name);
  if (request.method === 'DELETE') return remove(exchange, repository, reference);
  const limited = rateLimit(exchange);
  if (p14 !== undefined && limited === undefined) return;
  read(exchange, repository, reference, limited);
}

/** Docker Hub's headers; undefined when the limit is used up and that was answered. */
function rateLimit(exchange: Exchange): Record<string, string> | undefined {
  const { registry } = exchange;
  const limit = registry.quirks.p14?.limit;
  if (limit === undefined) return undefined;
  const left = limit - registry.count('p14');
  const headers = {
    'ratelimit-limit': `${limit};w=21600`,
    'ratelimit-remaining': `${Math.max(0, left)};w=21600`,
    'docker-ratelimit-source': '127.0.0.1',
  };
  if (left >= 0) return headers;
  fail(exchange, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.', { headers });
  return undefined;
}

function read(
  exchange: Exchange,
  repository: Repository,
  reference: string,
  more: Record<string, string> = {},
): undefined {
  const { registry, request } = exchange;
  const digest = reference.includes(':') ? reference : gitlabTag(exchange, repository, reference);
  const found = digest === undefined ? undefined : repository.manifests.get(digest);
  const accept = [request.headers.accept ?? ''].flat().join(',');
  const taken = registry.quirks.p18 !== 'accept' || (found && accept.includes(found.mediaType));
  if (digest === undefined || found === undefined || !taken) {
    return fail(exchange, 404, 'MANIFEST_UNKNOWN', 'manifest unknown', {
      detail: `unknown tag=${reference}`,
    });
  }
  answer(
    exchange,
    200,
    {
      'content-type': found.mediaType,
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      'content-length': found.bytes.length,
      ...more,
    },
    found.bytes,
  );
}

/** What a tag names; GitLab takes `sha256-<hex>` for the digest (oras-go#1396). */
function gitlabTag(exchange: Exchange, repository: Repository, tag: string): string | undefined {
  const asDigest = tag.replace('-', ':');
  if (exchange.registry.quirks.p11 === 'gitlab-tag' && repository.manifests.has(asDigest)) return asDigest;
  return repository.tags.get(tag);
}

function remove(exchange: Exchange, repository: Repository, reference: string): undefined {
  if (exchange.registry.quirks.noDelete) {
    return fail(exchange, 405, 'UNSUPPORTED', 'the operation is unsupported');
  }
  const gone = reference.includes(':')
    ? repository.manifests.delete(reference)
    : repository.tags.delete(reference);
  if (!gone) return fail(exchange, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag);
  answer(exchange, 202);
}

async function put(exchange: Exchange, name: string, reference: string): Promise<undefined> {
  const { registry, request } = exchange;
  const repository = repositoryOf(registry.state, name);
  const body = await receive(exchange);
  if (body === 'gone') return;
  const { bytes } = body;
  const byDigest = reference.includes(':');
  const digest = digestAs(byDigest ? reference : 'sha256:', bytes);
  const mediaType = request.headers['content-type'] ?? '';
  if (bytes.length > MAX_MANIFEST) return fail(exchange, 413, 'MANIFEST_INVALID', 'manifest too large');
  if (byDigest && digest !== reference) return fail(exchange, 400, 'DIGEST_INVALID', 'digest did not match');
  if (registry.quirks.p11 === 'lost-update' && registry.take('p11', 1))
    touchFallback(exchange, name, reference);
  if (invalid(exchange, bytes, mediaType)) return;
  if (unknownBlobs(exchange, name, repository, { bytes, mediaType })) return;
  if (immutable(exchange, name, repository, reference, digest)) return;
  const ifMatch = request.headers['if-match'];
  const current = repository.tags.get(reference);
  if (ifMatch !== undefined && ifMatch !== `"${current}"`) {
    return fail(exchange, 412, 'MANIFEST_INVALID', 'precondition failed');
  }
  repository.manifests.set(digest, { bytes, mediaType });
  if (!byDigest) repository.tags.set(reference, digest);
  const { subject } = namedBy({ bytes, mediaType });
  answer(exchange, 201, {
    location: `/v2/${name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject !== undefined && referrersWork(exchange) && { 'oci-subject': subject }),
  });
}

function referrersWork({ registry }: Exchange): boolean {
  return registry.quirks.p11 === undefined;
}

function invalid(exchange: Exchange, bytes: Buffer, mediaType: string): boolean {
  let stated: unknown;
  try {
    stated = (JSON.parse(bytes.toString('utf8')) as { mediaType?: unknown }).mediaType;
  } catch {
    fail(exchange, 400, 'MANIFEST_INVALID', 'manifest invalid');
    return true;
  }
  if (exchange.registry.quirks.p18 !== 'media-type' || stated === mediaType) return false;
  fail(exchange, 400, 'MANIFEST_INVALID', 'manifest invalid', {
    detail: 'mediaType does not match Content-Type',
  });
  return true;
}

/** distribution-spec: "MANIFEST_BLOB_UNKNOWN", for blobs and manifests alike; with the collector of p15 before it. */
function unknownBlobs(exchange: Exchange, name: string, repository: Repository, sent: Manifest): boolean {
  const { p15 } = exchange.registry.quirks;
  const named = namedBy(sent);
  if (p15 !== undefined) collect(exchange, name, repository, named.blobs);
  const missing = [
    ...named.blobs.filter((digest) => !repository.blobs.has(digest)),
    ...named.manifests.filter((digest) => !repository.manifests.has(digest)),
  ];
  if (missing.length === 0) return false;
  const body = missing.map((digest) => ({
    code: p15 === 'blob-unknown' ? 'BLOB_UNKNOWN' : 'MANIFEST_BLOB_UNKNOWN',
    message: 'blob unknown to registry',
    ...(p15 === 'unnamed' ? {} : { detail: { digest } }),
  }));
  answer(exchange, 404, { 'content-type': 'application/json' }, JSON.stringify({ errors: body }));
  return true;
}

function collect(
  exchange: Exchange,
  name: string,
  repository: Repository,
  blobs: readonly string[],
): undefined {
  const { state } = exchange.registry;
  const seen = blobs.filter((digest) => state.seen.has(`${name} ${digest}`) && repository.blobs.has(digest));
  if (seen.length === 0 || !exchange.registry.take('p15', 1)) return;
  for (const digest of seen) repository.blobs.delete(digest);
}

function immutable(
  exchange: Exchange,
  name: string,
  repository: Repository,
  tag: string,
  digest: string,
): boolean {
  const { p19 } = exchange.registry.quirks;
  const current = repository.tags.get(tag);
  if (p19 === undefined || current === undefined || (p19 === 'other-digest' && current === digest))
    return false;
  const message = `The image tag '${tag}' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`;
  fail(exchange, 400, 'TAG_INVALID', message);
  return true;
}
