import { DogwoodError } from '../errors.ts';
import { locationTarget } from '../net/redirect.ts';
import type { Content, Expectation } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import { canonicalRegistry } from '../oci/reference.ts';
import type { PutOptions, PutResult } from '../oci/target.ts';
import { discard, header } from './body.ts';
import { changedOnTheWay } from './damage.ts';
import type { RegistryClient, RegistryRequest, RegistryResponse } from './http.ts';
import { type Repository, sizeOfContent } from './pull.ts';
import { connectionFailure } from './refusal.ts';
import { mayPass, withRetries } from './retry.ts';
import { pullScope, pushScope } from './scope.ts';
import { type CheckedBody, checkedBody } from './upload-body.ts';

export interface Upload {
  readonly client: RegistryClient;
  readonly repository: Repository;
  readonly content: Content;
  readonly expected: Expectation;
  readonly options: PutOptions;
}

/** How many repositories are asked to mount from before the bytes are sent. */
const MAX_MOUNT_TRIES = 3;
/** Milliseconds that tidying up behind a failure may take. */
const CANCEL_TIMEOUT = 5_000;

/**
 * Brings one blob into a repository with as few bytes as possible: HEAD, mount, then one streaming upload.
 *
 * - digest and size known: `POST`, then one `PUT` with `Content-Length` (distribution-spec, "POST then PUT");
 * - otherwise `POST`, one `PATCH` of unknown length without `Content-Range` (where registries limit chunks, they
 *   limit ranged ones, rust-oci-client#35), and a `PUT` that names the digest at the end.
 *
 * What fails on its way starts over with a new session and the content opened again; the old session is cancelled.
 *
 * @throws DIGEST_MISMATCH or SIZE_MISMATCH when the content is not what was expected; errors of the content's own
 *   source as they are; REGISTRY_* as the table has them
 */
export async function uploadBlob(upload: Upload): Promise<PutResult> {
  const there = await sizeInRepository(upload);
  if (there !== undefined) return result(upload, there, 'existing');
  const mounted = await mount(upload);
  if (mounted === 'mounted') {
    const size = upload.expected.size ?? (await sizeInRepository(upload));
    if (size !== undefined) return result(upload, size, 'mounted');
  }
  return await sendWithRetries(upload, mounted === 'mounted' ? undefined : mounted);
}

async function sendWithRetries(upload: Upload, firstSession: URL | undefined): Promise<PutResult> {
  const { client, content, expected, options } = upload;
  let session = firstSession;
  let renewed = false;
  let body: CheckedBody | undefined;
  const run = async () => {
    body = undefined;
    const location = session ?? (await start(upload));
    session = undefined;
    body = checkedBody(content, expected, names(upload).target, options.onBytes);
    try {
      return await send(upload, location, body);
    } catch (error) {
      await cancel(upload, location);
      if (body.sourceError !== undefined) throw body.sourceError;
      options.signal?.throwIfAborted();
      const size = isRefusal(error)
        ? await sizeInRepository(upload, { retry: false }).catch(() => undefined)
        : undefined;
      // Somebody else brought the same blob meanwhile; registries answer the second one with all sorts of errors
      // (nexus-public#967, distribution#2077).
      if (size !== undefined) return result(upload, size, 'existing');
      // What left here was hashed. Of sha256 only: a registry need not know another, and says so in the same words.
      throw (expected.digest ?? 'sha256:').startsWith('sha256:') ? changedOnTheWay(error) : error;
    }
  };
  const again = (error: unknown) => {
    if (body?.sourceError !== undefined || (body?.opened && !content.reopenable)) return false;
    // A token need not outlive a layer (mise#11132): once, all is sent again under a new one.
    if (body !== undefined && !renewed && isCode(error, 'REGISTRY_UNAUTHORIZED')) {
      renewed = true;
      return true;
    }
    return mayPass(error);
  };
  return await withRetries(client.retry, run, { signal: options.signal, again });
}

/** Sends the content into a session. */
async function send(upload: Upload, session: URL, body: CheckedBody): Promise<PutResult> {
  const { digest, size } = upload.expected;
  const once = { once: true, reopenable: upload.content.reopenable, body: body.request } as const;
  const headers = { 'content-type': 'application/octet-stream' };
  if (digest !== undefined && size !== undefined) {
    const url = withDigest(session, digest);
    const response = await request(upload, { method: 'PUT', url, headers, ...once, expect: CREATED });
    return finished(upload, response, digest, size);
  }
  const patched = await request(upload, { method: 'PATCH', url: session, headers, ...once, expect: TAKEN });
  discard(patched);
  // Some leave the Location out when it does not change.
  const next = header(patched, 'location');
  const url = withDigest(next === undefined ? session : locationTarget(next, patched.url), body.digest);
  const response = await request(upload, { method: 'PUT', url, once: true, expect: CREATED });
  return finished(upload, response, body.digest, body.size);
}

const CREATED = [201, 200, 204];
/** A 201 here is no completion: ECR says so after the first bytes (containers-roadmap#2831). */
const TAKEN = [202, 201, 200, 204];

function finished(upload: Upload, response: RegistryResponse, digest: Digest, size: number): PutResult {
  discard(response);
  const says = header(response, 'docker-content-digest');
  if (says !== undefined && says !== digest) {
    throw new DogwoodError(
      'DIGEST_MISMATCH',
      `${names(upload).target}: sent ${digest}, the registry has ${says}`,
    );
  }
  return { descriptor: { mediaType: upload.expected.mediaType, digest, size }, outcome: 'sent' };
}

/** Opens an upload session. */
async function start(upload: Upload): Promise<URL> {
  const response = await request(upload, { method: 'POST', url: uploadsPath(upload), expect: [202] });
  discard(response);
  return sessionOf(response);
}

/**
 * Asks the registry to take the blob from another of its repositories (distribution-spec, "Mounting a blob from
 * another repository"). Nothing that goes wrong here is an error: users may lack the right to pull there, which
 * registries say with 400, 401, 403 or 404 (go-containerregistry#1404, harbor#17097). A 202 declines, and opens a
 * session; the last one of them is used, the others are given up.
 */
async function mount(upload: Upload): Promise<'mounted' | URL | undefined> {
  const { repository, content, expected, options, client } = upload;
  const { digest } = expected;
  if (digest === undefined) return undefined;
  const host = canonicalRegistry(repository.registry);
  const origins = (content.origins ?? []).filter(
    (origin) => canonicalRegistry(origin.registry) === host && origin.repository !== repository.repository,
  );
  let session: URL | undefined;
  for (const origin of origins.slice(0, MAX_MOUNT_TRIES)) {
    const query = new URLSearchParams({ mount: digest, from: origin.repository });
    try {
      const response = await request(upload, {
        method: 'POST',
        url: `${uploadsPath(upload)}?${query}`,
        // The push scope first: some registries look at the first only (go-containerregistry, write.go).
        scopes: [pushScope(repository.repository), pullScope(origin.repository)],
        expect: [201, 202],
        retry: false,
      });
      discard(response);
      if (session !== undefined) await cancel(upload, session);
      session = undefined;
      if (response.status === 202) session = sessionOf(response);
      else if ((header(response, 'docker-content-digest') ?? digest) === digest) return 'mounted';
    } catch (error) {
      options.signal?.throwIfAborted();
      client.logger.debug('mount failed', { from: origin.repository, error: String(error) });
    }
  }
  return session;
}

/** How often a session is asked to go, and milliseconds before the second time; doubled each time. */
const CANCEL_TRIES = 6;
const CANCEL_PAUSE = 25;

/**
 * Gives a session up (distribution-spec 1.1+dev, "Cancel a blob upload"). Not all can; nobody waits for it long.
 * Distribution refuses (416) an address from before the bytes that came in since, so it is asked for the current one:
 * not at once, for it goes on writing what it has of a body that was cut off.
 */
async function cancel(upload: Upload, session: URL): Promise<void> {
  const quick = { retry: false, signal: AbortSignal.timeout(CANCEL_TIMEOUT) } as const;
  let url = session;
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return discard(await request(upload, { method: 'DELETE', url, expect: [204, 202, 200], ...quick }));
      } catch (error) {
        if (attempt === CANCEL_TRIES) throw error;
      }
      await upload.client.retry.sleep(CANCEL_PAUSE * 2 ** (attempt - 1), quick.signal);
      const status = await request(upload, { method: 'GET', url, expect: [204], ...quick });
      discard(status);
      url = sessionOf(status);
    }
  } catch (error) {
    upload.client.logger.debug('upload session left behind', { error: String(error) });
  }
}

async function sizeInRepository(
  upload: Upload,
  how: { readonly retry?: boolean } = {},
): Promise<number | undefined> {
  const { client, repository, expected, options } = upload;
  const { digest, size } = expected;
  if (digest === undefined) return undefined;
  const blob = { mediaType: 'application/octet-stream', digest };
  const scopes = [pushScope(repository.repository)];
  const found = await sizeOfContent(client, repository, blob, { scopes, signal: options.signal, ...how });
  return size === undefined || found === undefined || found === size ? found : undefined;
}

function result(upload: Upload, size: number, outcome: PutResult['outcome']): PutResult {
  const { mediaType, digest } = upload.expected;
  return { descriptor: { mediaType, digest: digest as Digest, size }, outcome };
}

type UploadRequest = Pick<RegistryRequest, 'method' | 'url' | 'expect'> & Partial<RegistryRequest>;

async function request(upload: Upload, one: UploadRequest): Promise<RegistryResponse> {
  const { repository, options } = upload;
  return await upload.client.send({
    registry: repository.registry,
    scopes: [pushScope(repository.repository)],
    what: names(upload).blob,
    signal: options.signal,
    ...one,
  });
}

/** Relative to where the answer came from, its query kept to the letter (`_state`, oras-dotnet#132). */
function sessionOf(response: RegistryResponse): URL {
  try {
    return locationTarget(header(response, 'location'), response.url);
  } catch (error) {
    throw connectionFailure(error, 'upload session');
  }
}

function withDigest(session: URL, digest: Digest): URL {
  const url = new URL(session);
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}

function uploadsPath({ repository }: Upload): string {
  return `/v2/${repository.repository}/blobs/uploads/`;
}

function names({ repository, expected }: Upload): { target: string; blob: string } {
  const target = `docker://${repository.registry}/${repository.repository}`;
  return { target, blob: `${expected.digest ?? 'a blob'} of ${repository.repository}` };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof DogwoodError && error.code === code;
}

/** An answer that says no to this upload, not to us; some say it with 500, as if it were their own trouble. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof DogwoodError) || error.kind.fault === 'auth') return false;
  return !error.kind.retryable || error.code === 'REGISTRY_UNAVAILABLE';
}
