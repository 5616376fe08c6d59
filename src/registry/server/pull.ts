import type { IncomingHttpHeaders } from 'node:http';
import { DogwoodError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { accepts } from './accept.ts';
import type { Authorize, Principal } from './access.ts';
import { type Answer, fault } from './answer.ts';
import type { PullContent, RepositoryContent } from './content.ts';
import { listReferrers, listTags } from './listings.ts';
import { matchesAny, parseRange } from './range.ts';
import { parseRoute, type Route } from './route.ts';
import type { ServedBlobs } from './served-blobs.ts';

export interface PullRequest {
  readonly method: string;
  /** With its query; the host is of no matter. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

interface PullRegistry {
  readonly content: PullContent;
  readonly blobs: ServedBlobs;
  readonly authorize: Authorize;
}

export interface Answered {
  readonly answer: Answer;
  readonly principal?: Principal;
}

/** Every answer, for whatever is asked (distribution-spec, "Pull", "Content Discovery"). Throws what the store throws. */
export async function answerPull(request: PullRequest, registry: PullRegistry): Promise<Answered> {
  const { host, authorization } = request.headers;
  const principal = await registry.authorize({ host, authorization });
  if ('status' in principal) return { answer: principal };
  return { answer: await answerKnown(request, registry, principal), principal };
}

async function answerKnown(
  request: PullRequest,
  registry: PullRegistry,
  principal: Principal,
): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuseWrite();
  const route = parseRoute(request.url.pathname);
  if ('status' in route) return route;
  if (route.kind === 'base') {
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'content-length': '2' },
      body: Buffer.from('{}'),
    };
  }
  // Said of what is there and of what is not alike, so that nobody learns what others have.
  if (!principal.mayPull(route.repository)) {
    return fault(403, 'DENIED', `the token is not for the repository ${route.repository}`);
  }
  const of = await registry.content.repository(route.repository);
  if (of === undefined) return fault(404, 'NAME_UNKNOWN', `there is no repository ${route.repository}`);
  return await answerRoute(route, of, request, registry);
}

function refuseWrite(): Answer {
  return fault(
    405,
    'UNSUPPORTED',
    'this registry is pull-only: images come into it with `build`, not by a push',
    {
      headers: { allow: 'GET, HEAD' },
    },
  );
}

async function answerRoute(
  route: Exclude<Route, { kind: 'base' }>,
  of: RepositoryContent,
  request: PullRequest,
  { content, blobs }: PullRegistry,
): Promise<Answer> {
  switch (route.kind) {
    case 'tags':
      return listTags(route.repository, of, request.url.searchParams);
    case 'referrers':
      return await listReferrers(route.repository, route.subject, { content, of }, request.url.searchParams);
    case 'manifest': {
      const manifest = of.manifest(route.reference);
      if (manifest === undefined) {
        return fault(404, 'MANIFEST_UNKNOWN', `${route.repository} has no ${route.reference}`);
      }
      return await answerManifest(manifest, request, content);
    }
    case 'blob': {
      const blob = of.blob(route.digest);
      if (blob === undefined) return fault(404, 'BLOB_UNKNOWN', `${route.repository} has no ${route.digest}`);
      return await answerBlob(blob, request, content, blobs);
    }
  }
}

async function answerManifest(
  manifest: Descriptor,
  { headers }: PullRequest,
  content: PullContent,
): Promise<Answer> {
  if (!accepts(headers.accept, manifest.mediaType)) {
    return fault(
      404,
      'MANIFEST_UNKNOWN',
      `it is of type ${manifest.mediaType}, which the Accept header leaves out`,
    );
  }
  const identity = identityOf(manifest);
  if (matchesAny(headers['if-none-match'], identity.etag)) return { status: 304, headers: identity };
  // For a HEAD too: what is told must be there.
  const bytes = await content.read(manifest);
  return {
    status: 200,
    headers: { ...identity, 'content-type': manifest.mediaType, 'content-length': `${bytes.length}` },
    body: bytes,
  };
}

async function answerBlob(
  blob: Descriptor,
  { method, headers }: PullRequest,
  content: PullContent,
  blobs: ServedBlobs,
): Promise<Answer> {
  const identity = identityOf(blob);
  await blobs.check(blob);
  if (matchesAny(headers['if-none-match'], identity.etag)) return { status: 304, headers: identity };
  const common = { ...identity, 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' };
  // Ranges are of GET alone, and hold only for the entity that If-Range names (RFC 9110 sections 13.1.5, 14.2).
  const { 'if-range': condition, range: asked } = headers;
  const holds = method === 'GET' && (condition === undefined || condition === identity.etag);
  const range = holds ? parseRange(asked, blob.size) : undefined;
  if (range === 'unsatisfiable') {
    return fault(416, 'RANGE_INVALID', `the blob has ${blob.size} bytes`, {
      headers: { 'content-range': `bytes */${blob.size}` },
    });
  }
  if (range !== undefined) {
    const length = range.last - range.first + 1;
    const contentRange = `bytes ${range.first}-${range.last}/${blob.size}`;
    return {
      status: 206,
      headers: { ...common, 'content-length': `${length}`, 'content-range': contentRange },
      body: { open: () => blobs.open(blob, range) },
    };
  }
  const open = async () => {
    const stream = await blobs.open(blob);
    stream.once('error', (error) => {
      const isDamage = error instanceof DogwoodError && error.code === 'DIGEST_MISMATCH';
      // Where that fails, the next reader is told the same.
      if (isDamage) content.discardDamaged(blob).catch(() => {});
    });
    return stream;
  };
  return { status: 200, headers: { ...common, 'content-length': `${blob.size}` }, body: { open } };
}

function identityOf({ digest }: Descriptor) {
  return { 'docker-content-digest': digest, etag: `"${digest}"` };
}
