import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../net/http.ts';
import { bytesBody, discard, readBody } from '../http/body.ts';
import { connectionFailure, refusal } from '../http/refusal.ts';
import type { Credential } from './credentials.ts';
import type { Scope } from './scope.ts';

export interface TokenRequest {
  readonly registry: string;
  readonly realm: URL;
  /** Where the registry named the realm: it decides which addresses that may lead to. */
  readonly referrer: URL;
  readonly service: string | undefined;
  readonly scopes: readonly Scope[];
  /** Several scopes in one parameter, with spaces, instead of a parameter each. */
  readonly joined?: boolean | undefined;
  readonly credential: Credential | undefined;
  /** Addresses of token servers that have no OAuth2: read, and added to. */
  readonly withoutPost?: Set<string> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970 after which it is no longer used: some time before the server stops taking it. */
  readonly usableUntil: number;
}

export interface FetchedToken extends Token {
  /** What is to be used instead of the refresh token that was sent. */
  readonly refreshToken?: string | undefined;
}

const MAX_TOKEN_BYTES = 128 * 1024;
/** distribution "Token Authentication": a token without a stated life lives 60 seconds, and none lives less. */
const MIN_LIFE_MS = 60_000;
/** Long enough for a request that begins with the token to be let in. */
const EARLY_MS = 10_000;

const tokenAnswer = z.looseObject({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  refresh_token: z.string().nullish(),
  expires_in: z.unknown().optional(),
  issued_at: z.unknown().optional(),
});
type TokenAnswer = z.infer<typeof tokenAnswer>;

/**
 * Asks a token server once for a bearer token: a GET as distribution describes it, or for an identity token the OAuth2
 * POST, with the GET where the server has no POST. No refresh token is asked for (`offline_token`): some servers fail
 * then, and it would have to be kept somewhere.
 *
 * @param clock milliseconds since 1970
 * @throws REGISTRY_UNAUTHORIZED, REGISTRY_DENIED, REGISTRY_RATE_LIMITED, REGISTRY_UNAVAILABLE, REGISTRY_UNREACHABLE, REGISTRY_PROTOCOL
 */
export async function fetchToken(
  http: HttpClient,
  request: TokenRequest,
  clock: () => number,
): Promise<FetchedToken> {
  const what = `token server ${request.realm.host} of ${request.registry}`;
  const asked = clock();
  const answered = async (response: HttpResponse): Promise<FetchedToken> => {
    if (response.status !== 200) throw await refusal(response, what, clock());
    return readToken(await readBody(response, MAX_TOKEN_BYTES, what), asked, what);
  };
  try {
    const { credential, withoutPost } = request;
    if (credential?.kind === 'identity' && !withoutPost?.has(request.realm.href)) {
      const response = await http.request(tokenPost(request, credential.token));
      if (!isNoToPost(response.status)) return await answered(response);
      const refused = await refusal(response, what, clock());
      const second = await http.request(tokenGet(request));
      if (second.status === 200) withoutPost?.add(request.realm.href);
      // What the POST was told is the better reason, but for "there is no such thing here".
      const either = second.status === 200 || response.status === 404 || response.status === 405;
      if (either) return await answered(second);
      discard(second);
      throw refused;
    }
    return await answered(await http.request(tokenGet(request)));
  } catch (error) {
    throw connectionFailure(error, what);
  }
}

/** Servers without OAuth2 say so with 404 or 405, JFrog's with 401 (containerd, auth/fetch.go), others with 400 or 501. */
function isNoToPost(status: number): boolean {
  return status === 501 || (status >= 400 && status < 500 && status !== 408 && status !== 429);
}

/** distribution "Token Authentication Specification", "Requesting a Token". */
function tokenGet(request: TokenRequest): HttpRequest {
  const { realm, referrer, service, scopes, joined, credential, signal } = request;
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of joined ? [scopes.join(' ')] : scopes) url.searchParams.append('scope', scope);
  const basic = basicValue(credential);
  return {
    method: 'GET',
    url,
    referrer,
    headers: { accept: 'application/json', ...(basic === undefined ? {} : { authorization: basic }) },
    signal,
  };
}

/** distribution "OAuth2 Token Authentication": a refresh token for an access token. */
function tokenPost(
  { realm, referrer, service, scopes, signal }: TokenRequest,
  refreshToken: string,
): HttpRequest {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'dogwood' });
  if (service !== undefined) form.set('service', service);
  form.set('scope', scopes.join(' '));
  form.set('refresh_token', refreshToken);
  const bytes = Buffer.from(form.toString());
  return {
    method: 'POST',
    url: realm,
    referrer,
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: bytesBody(bytes),
    signal,
  };
}

/** RFC 7617. */
export function basicValue(credential: Credential | undefined): string | undefined {
  if (credential === undefined || credential.kind === 'bearer') return undefined;
  const secret = credential.kind === 'password' ? credential.password : credential.token;
  return `Basic ${Buffer.from(`${credential.username}:${secret}`).toString('base64')}`;
}

function readToken(bytes: Buffer, asked: number, what: string): FetchedToken {
  let answer: TokenAnswer | undefined;
  try {
    answer = tokenAnswer.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    // What is no answer may hold a token: it stays out of the message.
  }
  const value = answer?.token || answer?.access_token;
  if (answer === undefined || !isToken(value)) {
    throw new DogwoodError('REGISTRY_PROTOCOL', `${what}: no token in the answer`);
  }
  const refreshToken = isToken(answer.refresh_token) ? answer.refresh_token : undefined;
  return { value, usableUntil: usableUntil(answer, asked), refreshToken };
}

/**
 * A token lives from when it was issued, which may be a while ago where servers keep tokens; but their clock need not
 * be ours: issued in our future or over already, it lives from when we asked.
 */
function usableUntil({ expires_in, issued_at }: TokenAnswer, asked: number): number {
  const stated = typeof expires_in === 'number' ? expires_in * 1000 : 0;
  const life = Math.max(stated, MIN_LIFE_MS) - EARLY_MS;
  const issued = typeof issued_at === 'string' ? Date.parse(issued_at) : Number.NaN;
  const believable = issued <= asked && issued + life > asked;
  return (believable ? issued : asked) + life;
}

function isToken(value: string | null | undefined): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}
