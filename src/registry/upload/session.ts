import { locationTarget } from '../../net/redirect.ts';
import type { Content, Expectation } from '../../oci/content.ts';
import type { Digest } from '../../oci/digest.ts';
import type { PutOptions } from '../../oci/target.ts';
import { pushScope } from '../auth/scope.ts';
import type { RegistryClient } from '../client.ts';
import type { RegistryRequest, RegistryResponse } from '../exchange.ts';
import { discard, header } from '../http/body.ts';
import { connectionFailure } from '../http/refusal.ts';
import { type Repository, sizeOfContent } from '../pull.ts';

/** One blob on its way into one repository. */
export interface Upload {
  readonly client: RegistryClient;
  readonly repository: Repository;
  readonly content: Content;
  readonly expected: Expectation;
  readonly options: PutOptions;
}

/** An upload that the registry waits for (distribution-spec, "Pushing Blobs"). */
export interface UploadSession {
  /** Where the next bytes go; changes with every answer. */
  readonly url: URL;
  /** `OCI-Chunk-Min-Length`: what a chunk must have that is not the last. */
  readonly minChunk: number;
}

/** Milliseconds that tidying up, or asking how far an upload got, may take. */
const ASIDE_TIMEOUT = 5_000;

export type UploadRequest = Pick<RegistryRequest, 'method' | 'url' | 'expect'> & Partial<RegistryRequest>;

/** A request about one upload, with the right to push. */
export async function uploadRequest(upload: Upload, one: UploadRequest): Promise<RegistryResponse> {
  const { repository, options } = upload;
  return await upload.client.send({
    registry: repository.registry,
    scopes: [pushScope(repository.repository)],
    what: `${upload.expected.digest ?? 'a blob'} of ${repository.repository}`,
    signal: options.signal,
    ...one,
  });
}

export function uploadsPath({ repository }: Upload): string {
  return `/v2/${repository.repository}/blobs/uploads/`;
}

/** Opens a session. The small POST comes first, so that a failing login costs no bytes. */
export async function openSession(upload: Upload): Promise<UploadSession> {
  const response = await uploadRequest(upload, { method: 'POST', url: uploadsPath(upload), expect: [202] });
  discard(response);
  return sessionOf(response);
}

/**
 * The session that an answer tells of: its Location is relative to where the answer came from, its query kept to the
 * letter (`_state`, oras-dotnet#132). Throws REGISTRY_PROTOCOL when it tells of none.
 *
 * @param before where some leave the Location out when it does not change
 */
export function sessionOf(response: RegistryResponse, before?: UploadSession): UploadSession {
  const location = header(response, 'location');
  const said = Number(header(response, 'oci-chunk-min-length'));
  const minChunk = Number.isSafeInteger(said) && said > 0 ? said : (before?.minChunk ?? 0);
  if (location === undefined && before !== undefined) return { url: before.url, minChunk };
  try {
    return { url: locationTarget(location, response.url), minChunk };
  } catch (error) {
    throw connectionFailure(error, 'upload session');
  }
}

/** Where the last request of a session goes: the digest behind whatever its query holds already. */
export function withDigest(session: UploadSession, digest: Digest): URL {
  const url = new URL(session.url);
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}

/**
 * How many bytes a registry has, by the `Range` of its answer, which ends with the last byte it has; undefined when it
 * does not say. `0-0` is one byte or none (distribution says it of both): none, unless one is what must be there.
 */
export function receivedBytes(
  response: Pick<RegistryResponse, 'headers'>,
  expected?: number,
): number | undefined {
  const end = /^(?:bytes[= ])?0-(\d{1,15})$/.exec(header(response, 'range')?.trim() ?? '')?.[1];
  if (end === undefined) return undefined;
  return end === '0' && expected !== 1 ? 0 : Number(end) + 1;
}

/**
 * How far a session got (distribution-spec, "Get Blob Upload Status"); undefined when there is none any more, or
 * nobody can say.
 */
export async function sessionStatus(
  upload: Upload,
  session: UploadSession,
): Promise<{ readonly session: UploadSession; readonly received: number } | undefined> {
  try {
    const response = await uploadRequest(upload, {
      method: 'GET',
      url: session.url,
      expect: [204],
      retry: false,
      signal: aside(upload.options.signal),
    });
    discard(response);
    return { session: sessionOf(response, session), received: receivedBytes(response) ?? 0 };
  } catch (error) {
    upload.options.signal?.throwIfAborted();
    upload.client.logger.debug('upload session cannot be asked', { error: String(error) });
    return undefined;
  }
}

/** How often a session is asked to go, and milliseconds before the second time; doubled each time. */
const CANCEL_TRIES = 6;
const CANCEL_PAUSE = 25;

/**
 * Gives a session up (distribution-spec 1.1+dev, "Cancel a blob upload"). Not all can; nobody waits for it long.
 * Distribution refuses (416) an address from before the bytes that came in since, so it is asked for the current one:
 * not at once, for it goes on writing what it has of a body that was cut off.
 */
export async function cancelSession(upload: Upload, session: UploadSession): Promise<void> {
  // The work may be over because it was aborted: tidying up has a clock of its own.
  const quick = { retry: false, signal: AbortSignal.timeout(ASIDE_TIMEOUT) } as const;
  let { url } = session;
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return discard(
          await uploadRequest(upload, { method: 'DELETE', url, expect: [204, 202, 200], ...quick }),
        );
      } catch (error) {
        if (attempt === CANCEL_TRIES) throw error;
      }
      await upload.client.retry.sleep(CANCEL_PAUSE * 2 ** (attempt - 1), quick.signal);
      const status = await uploadRequest(upload, { method: 'GET', url, expect: [204], ...quick });
      discard(status);
      ({ url } = sessionOf(status));
    }
  } catch (error) {
    upload.client.logger.debug('upload session left behind', { error: String(error) });
  }
}

/**
 * The size of the blob where it should be; undefined when it is not there, or is not what is expected.
 *
 * @param once asks once and not for long: whoever asks has trouble already
 */
export async function sizeInRepository(upload: Upload, once = false): Promise<number | undefined> {
  const { client, repository, expected, options } = upload;
  const { digest, size } = expected;
  if (digest === undefined) return undefined;
  const blob = { mediaType: 'application/octet-stream', digest, size };
  const found = await sizeOfContent(client, repository, blob, {
    scopes: [pushScope(repository.repository)],
    signal: once ? aside(options.signal) : options.signal,
    ...(once && { retry: false }),
  });
  return size === undefined || found === undefined || found === size ? found : undefined;
}

function aside(signal: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(ASIDE_TIMEOUT);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}
