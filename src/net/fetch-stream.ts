import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { DogwoodError, type ErrorCode } from '../errors.ts';
import type { HttpClient, HttpResponse } from './http.ts';
import { NetError, type NetErrorKind } from './net-error.ts';
import { redactUrl } from './redact-url.ts';
import { isRedirect, locationTarget, MAX_REDIRECTS } from './redirect.ts';

export interface OpenUrlOptions {
  readonly http: HttpClient;
  readonly signal?: AbortSignal | undefined;
  /** Bytes from `start` on, up to and including `end`. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  /** Tries until an answer begins; once bytes flow there is no second one. Default 3. */
  readonly attempts?: number | undefined;
  /** Milliseconds between tries, doubled each time. Default 500. */
  readonly retryDelay?: number | undefined;
}

export interface OpenedUrl {
  /** The bytes as they come over the wire. Ends with FETCH_FAILED when cut, stalled or shorter than announced. */
  readonly stream: Readable;
  /** Bytes, where the server says so. */
  readonly size: number | undefined;
}

/**
 * GETs an http(s) address. Follows redirects, never from https to http; a user and password in the address are
 * proof for its own host only.
 *
 * @throws FETCH_FAILED, FETCH_DENIED (401, 403), FETCH_NOT_FOUND (404, 410), OUTBOUND_BLOCKED, PROXY_REFUSED; the message has no query, for a presigned address is a secret
 */
export async function openUrl(url: string | URL, options: OpenUrlOptions): Promise<OpenedUrl> {
  const address = URL.parse(String(url));
  if (address === null || !/^https?:$/.test(address.protocol)) {
    throw new DogwoodError('FETCH_FAILED', `${redactUrl(url)} is no http or https address`);
  }
  const attempts = options.attempts ?? 3;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open(address, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof FetchFailure)) throw error;
      const { message, cause } = error;
      if (attempt < attempts && error.mayPass) {
        await wait((options.retryDelay ?? 500) * 2 ** (attempt - 1), undefined, { signal: options.signal });
        continue;
      }
      const hint = cause instanceof NetError ? cause.hint : undefined;
      throw new DogwoodError(error.code, `${redactUrl(address)}: ${message}`, {
        cause,
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }
}

class FetchFailure extends Error {
  readonly mayPass: boolean;
  readonly code: ErrorCode;
  constructor(message: string, mayPass: boolean, code: ErrorCode = 'FETCH_FAILED', cause?: unknown) {
    super(message, { cause });
    this.mayPass = mayPass;
    this.code = code;
  }
}

/** RFC 9110: what asking again will not change has codes of its own. */
const REFUSALS: ReadonlyMap<number, ErrorCode> = new Map([
  [401, 'FETCH_DENIED'],
  [403, 'FETCH_DENIED'],
  [404, 'FETCH_NOT_FOUND'],
  [410, 'FETCH_NOT_FOUND'],
]);

/** What else can go wrong with a connection is FETCH_FAILED. */
const CODES: Partial<Readonly<Record<NetErrorKind, ErrorCode>>> = {
  blocked: 'OUTBOUND_BLOCKED',
  proxy: 'PROXY_REFUSED',
};

async function open(address: URL, options: OpenUrlOptions): Promise<OpenedUrl> {
  const { start, end } = options.range ?? {};
  const range: Record<string, string> = start === undefined ? {} : { range: `bytes=${start}-${end ?? ''}` };
  const response = await follow(address, { accept: '*/*', 'accept-encoding': 'identity', ...range }, options);
  const { status } = response;
  if (status !== (start === undefined ? 200 : 206)) {
    response.body.destroy();
    if (status === 200) throw new FetchFailure('the server does not send parts of a file', false);
    const mayPass = status === 408 || status === 429 || status >= 500;
    throw new FetchFailure(`answered ${status}`, mayPass, REFUSALS.get(status));
  }
  const length = response.headers['content-length']?.[0];
  return {
    // Node checks the bytes against Content-Length: a short body is a cut connection.
    stream: response.body,
    size: length === undefined ? undefined : Number(length),
  };
}

async function follow(
  address: URL,
  headers: Readonly<Record<string, string>>,
  options: OpenUrlOptions,
): Promise<HttpResponse> {
  const proof = basicOf(address);
  const bodyFailure = (error: NetError) =>
    new DogwoodError('FETCH_FAILED', `${redactUrl(address)}: ${error.message}`, { cause: error });
  let url = address;
  let referrer: URL | undefined;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const own = proof !== undefined && url.origin === address.origin ? { authorization: proof } : {};
    try {
      const response = await options.http.request({
        method: 'GET',
        url,
        referrer,
        headers: { ...headers, ...own },
        bodyFailure,
        signal: options.signal,
      });
      if (!isRedirect(response.status)) return response;
      response.body.destroy();
      referrer = url;
      url = locationTarget(response.headers.location?.[0], url);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      const mayPass = error.kind === 'refused' || error.kind === 'reset' || error.kind === 'timeout';
      throw new FetchFailure(error.message, mayPass, CODES[error.kind], error);
    }
  }
  throw new FetchFailure('redirects in a circle', false);
}

/** RFC 7617; a stray % in either part is itself. */
function basicOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const plain = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return `Basic ${Buffer.from(`${plain(username)}:${plain(password)}`).toString('base64')}`;
}
