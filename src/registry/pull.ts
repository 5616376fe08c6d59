import type { Readable } from 'node:stream';
import { DogwoodError } from '../errors.ts';
import { NetError } from '../net/net-error.ts';
import { madeOf } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { createDigester, type Digester, digestAlgorithm, digestOf, isDigest } from '../oci/digest.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/documents.ts';
import { isManifestOrIndexType, MEDIA_TYPES } from '../oci/media-types.ts';
import { mismatch, notFound, sizeMismatch } from '../oci/verify.ts';
import { pullScope, type Scope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { discard, header } from './http/body.ts';
import { connectionFailure } from './http/refusal.ts';
import { answerOf } from './http/refusal-code.ts';
import { mayPass, retryDelay } from './http/retry.ts';
import { getWhole } from './whole-answer.ts';

/** One repository of one registry, as a Reference names it. */
export interface Repository {
  readonly registry: string;
  readonly repository: string;
}

interface ReadOptions {
  /** Default: `pull` on the repository. */
  readonly scopes?: readonly Scope[] | undefined;
  /** False throws trouble that may pass at once. */
  readonly retry?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Registries answer 404, or convert, when the type they hold is not in the list (image-spec#1150). */
const ACCEPT_MANIFESTS = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerManifestList,
  MEDIA_TYPES.dockerManifest,
].join(', ');

/** Where a blob or manifest lies under its repository. */
export function contentPath(
  { repository }: Repository,
  content: Pick<Descriptor, 'mediaType' | 'digest'>,
): string {
  const place = isManifestOrIndexType(content.mediaType) ? 'manifests' : 'blobs';
  return `/v2/${repository}/${place}/${content.digest}`;
}

/**
 * The size of a blob or manifest that is there; undefined when it is not. One HEAD.
 *
 * A registry that does not tell the size is believed to hold what the caller expects.
 */
export async function sizeOfContent(
  client: RegistryClient,
  repository: Repository,
  content: Pick<Descriptor, 'mediaType' | 'digest'> & { readonly size?: number | undefined },
  options: ReadOptions = {},
): Promise<number | undefined> {
  const request = {
    ...common(repository, options),
    url: contentPath(repository, content),
    headers: { accept: isManifestOrIndexType(content.mediaType) ? ACCEPT_MANIFESTS : '*/*' },
    what: `${content.digest} of ${repository.repository}`,
    expect: [200, 404],
  };
  try {
    const response = await client.send({ ...request, method: 'HEAD' });
    discard(response);
    if (response.status === 404) return undefined;
    const length = header(response, 'content-length');
    return length === undefined ? content.size : Number(length);
  } catch (error) {
    // An address that a registry signed for GET is refused HEAD (moby#50065).
    if (!isHeadRefused(error)) throw error;
    return await sizeByGet(client, request, error);
  }
}

/** Because it is a HEAD, or for good: only the answer to a GET has a body that says which. */
function isHeadRefused(error: unknown): boolean {
  const status = answerOf(error)?.status;
  return status === 400 || status === 403 || status === 405;
}

/** The size as the first byte tells it. Throws what was refused then, in the registry's words, or else `refused`. */
async function sizeByGet(
  client: RegistryClient,
  request: Omit<RegistryRequest, 'method'>,
  refused: unknown,
): Promise<number> {
  const headers = { ...request.headers, range: 'bytes=0-0' };
  try {
    const response = await client.send({ ...request, method: 'GET', headers, expect: [206], retry: false });
    response.body.destroy();
    const [, size] = /^bytes 0-0\/(\d+)$/.exec(header(response, 'content-range') ?? '') ?? [];
    if (size !== undefined) return Number(size);
  } catch (error) {
    request.signal?.throwIfAborted();
    if (answerOf(error)?.status === answerOf(refused)?.status) throw error;
  }
  throw refused;
}

/**
 * What a tag or digest names; undefined when there is nothing. One HEAD, and a GET where the registry's HEAD does
 * not tell digest, size and type.
 *
 * @throws DIGEST_MISMATCH when a digest is asked for and another answers
 */
export async function resolveManifest(
  client: RegistryClient,
  repository: Repository,
  reference: string,
  options: ReadOptions = {},
): Promise<Descriptor | undefined> {
  const request = {
    ...common(repository, options),
    url: `/v2/${repository.repository}/manifests/${reference}`,
    headers: { accept: ACCEPT_MANIFESTS },
    what: `manifest ${reference} of ${repository.repository}`,
    expect: [200, 404],
  };
  const found = await describedByHead(client, request);
  if (found === undefined || !isDigest(reference)) return found;
  // Only comparable when the algorithms agree; what is opened later is verified either way.
  if (digestAlgorithm(found.digest) !== digestAlgorithm(reference)) return { ...found, digest: reference };
  if (found.digest !== reference) {
    throw new DogwoodError(
      'DIGEST_MISMATCH',
      `${repository.registry}: ${request.what} answers as ${found.digest}`,
    );
  }
  return found;
}

async function describedByHead(
  client: RegistryClient,
  request: Omit<RegistryRequest, 'method'>,
): Promise<Descriptor | undefined> {
  try {
    const head = await client.send({ ...request, method: 'HEAD' });
    discard(head);
    if (head.status === 404) return undefined;
    const found = described(head);
    if (found !== undefined) return found;
  } catch (error) {
    if (!isHeadRefused(error)) throw error;
  }
  return await hashed(client, request);
}

/** A manifest by its bytes; undefined when there is nothing. */
async function hashed(
  client: RegistryClient,
  request: Omit<RegistryRequest, 'method'>,
): Promise<Descriptor | undefined> {
  const isPage = (response: RegistryResponse) => contentType(response) === 'text/html';
  const isWanted = (response: RegistryResponse) => response.status !== 404 && !isPage(response);
  const { response, bytes } = await getWhole(client, request, MAX_DOCUMENT_BYTES, isWanted);
  if (response.status === 404) return undefined;
  if (isPage(response)) {
    throw new DogwoodError('REGISTRY_PROTOCOL', `${request.registry}: ${request.what}: a web page`);
  }
  return { mediaType: contentType(response), digest: digestOf(bytes), size: bytes.length };
}

function described(response: RegistryResponse): Descriptor | undefined {
  const digest = header(response, 'docker-content-digest');
  const size = header(response, 'content-length');
  const mediaType = contentType(response);
  if (digest === undefined || !isDigest(digest) || size === undefined || !isManifestOrIndexType(mediaType)) {
    return undefined;
  }
  return { mediaType, digest, size: Number(size) };
}

function contentType(response: RegistryResponse): string {
  return (header(response, 'content-type') ?? '').split(';')[0]?.trim() ?? '';
}

interface OpenOptions extends ReadOptions {
  readonly verify?: boolean | undefined;
  /** As in `oci/target.ts`. */
  readonly offset?: number | undefined;
}

/**
 * The bytes of a blob or manifest. A connection that breaks half-way, or ends early, is taken up again where it broke
 * (RFC 9110 section 14.2, Range), as often as the client retries anything without getting further. A server that
 * sends all of it instead is read past what was there already.
 *
 * @throws BLOB_NOT_FOUND; SIZE_MISMATCH and DIGEST_MISMATCH fail the stream
 */
export async function openContent(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  options: OpenOptions = {},
): Promise<Readable> {
  const name = `docker://${repository.registry}/${repository.repository}`;
  const { verify = true, offset = 0 } = options;
  const ask = (from: number) => get(client, repository, descriptor, options, from);
  const first = await ask(offset);
  if (first.status === 404) {
    discard(first);
    throw notFound(descriptor, name);
  }
  const length = wholeLength(first);
  if (length !== undefined && length !== descriptor.size) {
    first.body.destroy();
    throw sizeMismatch(descriptor, length, name);
  }
  const chunks = resuming(client, { first, descriptor, ask, offset, signal: options.signal });
  const check = verify && offset === 0 ? createDigester(digestAlgorithm(descriptor.digest)) : undefined;
  const bytes = check === undefined ? chunks : verifying(chunks, check, descriptor, name);
  return madeOf(first.body, bytes, 1024 * 1024);
}

/** Bytes of the whole, as an answer tells it: all of it (200), or some of it (206, 416). */
function wholeLength(response: RegistryResponse): number | undefined {
  if (response.status !== 200) {
    const total = /\/(\d{1,15})$/.exec(header(response, 'content-range') ?? '')?.[1];
    return total === undefined ? undefined : Number(total);
  }
  const length = header(response, 'content-length');
  return length === undefined ? undefined : Number(length);
}

/** As `verified` of `oci`, without another stream in between. */
async function* verifying(
  chunks: AsyncIterable<Buffer>,
  digester: Digester,
  descriptor: Descriptor,
  name: string,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    digester.update(chunk);
    if (digester.size > descriptor.size) throw sizeMismatch(descriptor, digester.size, name);
    yield chunk;
  }
  const wrong = mismatch(descriptor, digester.size, () => digester.digest(), name);
  if (wrong !== null) throw wrong;
}

async function get(
  client: RegistryClient,
  repository: Repository,
  descriptor: Descriptor,
  options: ReadOptions,
  from: number,
): Promise<RegistryResponse> {
  const isDocument = isManifestOrIndexType(descriptor.mediaType);
  return await client.send({
    ...common(repository, options),
    method: 'GET',
    url: contentPath(repository, descriptor),
    headers: {
      accept: isDocument ? ACCEPT_MANIFESTS : '*/*',
      // With its end, which is known: crane's registry understands no other.
      ...(from > 0 && { range: `bytes=${from}-${descriptor.size - 1}` }),
    },
    what: `${descriptor.digest} of ${repository.repository}`,
    expect: from > 0 ? [206, 200, 404, 416] : [200, 404],
  });
}

/** Bytes after which a download is believed to move, and its tries are counted anew. */
const MOVED_BYTES = 1024 * 1024;

interface Download {
  readonly first: RegistryResponse;
  readonly descriptor: Descriptor;
  readonly ask: (from: number) => Promise<RegistryResponse>;
  readonly offset: number;
  readonly signal: AbortSignal | undefined;
}

async function* resuming(client: RegistryClient, download: Download): AsyncGenerator<Buffer> {
  const { descriptor, ask, offset, signal } = download;
  const { retry, logger } = client;
  let response: RegistryResponse | undefined = download.first;
  let received = offset;
  let counted = offset;
  for (let attempt = 1; ; ) {
    try {
      response ??= await ask(received);
      for await (const chunk of fromOffset(response, received)) {
        received += chunk.length;
        yield chunk;
      }
      // An end without an error is the end only where all is there; too much is for who verifies.
      if (received >= descriptor.size) return;
      throw new NetError('reset', response.url.host, 'the answer ended early');
    } catch (error) {
      signal?.throwIfAborted();
      const failure = connectionFailure(error, `${descriptor.digest} after ${received} bytes`);
      response = undefined;
      attempt = received - counted >= MOVED_BYTES ? 2 : attempt + 1;
      counted = received;
      if (!mayPass(failure) || attempt > retry.attempts) throw failure;
      await retry.sleep(retryDelay(retry, attempt, failure.retryAfter), signal);
      logger.debug('download resumed', { digest: descriptor.digest, from: received });
    }
  }
}

/**
 * The part of an answer that begins at an offset. Who ignores `Range` sends all (RFC 9110 section 14.2); who sends
 * another part than was asked for is read from there, if that is before the offset. Which bytes they are, their digest
 * tells.
 */
async function* fromOffset(response: RegistryResponse, offset: number): AsyncGenerator<Buffer> {
  const start = startOf(response, offset);
  if (start === undefined || start > offset) {
    response.body.destroy();
    throw new NetError('reset', response.url.host, `gives no part from byte ${offset}`);
  }
  let skip = offset - start;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    if (chunk.length > skip) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/** Which byte an answer begins with; undefined when it has none to give. */
function startOf(response: RegistryResponse, asked: number): number | undefined {
  if (response.status === 200) return 0;
  if (response.status !== 206) return undefined;
  const range = header(response, 'content-range');
  if (range === undefined) return asked;
  const start = /^bytes (\d{1,15})-/.exec(range)?.[1];
  return start === undefined ? undefined : Number(start);
}

function common(repository: Repository, options: ReadOptions) {
  return {
    registry: repository.registry,
    scopes: options.scopes ?? [pullScope(repository.repository)],
    retry: options.retry,
    signal: options.signal,
  };
}
