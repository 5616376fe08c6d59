import { z } from 'zod';
import { DogwoodError } from '../errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../net/http.ts';
import { discard, readBody } from './body.ts';
import type { Credential } from './credentials.ts';
import { connectionFailure, refusal } from './refusal.ts';
import { type RetryPolicy, withRetries } from './retry.ts';
import type { Scope } from './scope.ts';

export interface TokenRequest {
  readonly registry: string;
  readonly realm: URL;
  /** Where the registry named the realm: it decides which addresses that may lead to. */
  readonly referrer: URL;
  readonly service: string | undefined;
  readonly scopes: readonly Scope[];
  readonly credential: Credential | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970 after which it is no longer used: some time before the server stops taking it. */
  readonly usableUntil: number;
}

const MAX_TOKEN_BYTES = 128 * 1024;
/** distribution "Token Authentication": a token without a stated life lives 60 seconds. */
const DEFAULT_LIFE_SECONDS = 60;
const MAX_EARLY_MS = 10_000;

const tokenAnswer = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});

/**
 * Asks a token server for a bearer token: a GET as distribution describes it, or for an identity token the OAuth2
 * POST, with the GET where the server has no POST.
 *
 * @throws REGISTRY_UNAUTHORIZED, REGISTRY_DENIED, REGISTRY_RATE_LIMITED, REGISTRY_UNAVAILABLE, REGISTRY_UNREACHABLE, REGISTRY_PROTOCOL
 */
export async function fetchToken(
  http: HttpClient,
  request: TokenRequest,
  retry: RetryPolicy,
): Promise<Token> {
  const what = `token server ${request.realm.host} of ${request.registry}`;
  return await withRetries(
    retry,
    async () => {
      const asked = retry.clock();
      try {
        const response = await ask(http, request);
        if (response.status !== 200) throw await refusal(response, what, retry.clock());
        return readToken(await readBody(response, MAX_TOKEN_BYTES, what), asked, what);
      } catch (error) {
        throw connectionFailure(error, what);
      }
    },
    { signal: request.signal },
  );
}

async function ask(http: HttpClient, request: TokenRequest): Promise<HttpResponse> {
  if (request.credential?.kind !== 'identity') return await http.request(tokenGet(request));
  const response = await http.request(tokenPost(request, request.credential.token));
  // Servers without OAuth2 do not know the method or the place.
  if (response.status !== 404 && response.status !== 405) return response;
  discard(response);
  return await http.request(tokenGet(request));
}

/** distribution "Token Authentication Specification", "Requesting a Token". */
function tokenGet({ realm, referrer, service, scopes, credential, signal }: TokenRequest): HttpRequest {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
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
    body: {
      size: bytes.length,
      open: async () =>
        (async function* () {
          yield bytes;
        })(),
    },
    signal,
  };
}

/** RFC 7617. */
export function basicValue(credential: Credential | undefined): string | undefined {
  if (credential === undefined || credential.kind === 'bearer') return undefined;
  const secret = credential.kind === 'password' ? credential.password : credential.token;
  return `Basic ${Buffer.from(`${credential.username}:${secret}`).toString('base64')}`;
}

function readToken(bytes: Buffer, asked: number, what: string): Token {
  let answer: z.infer<typeof tokenAnswer> | undefined;
  try {
    answer = tokenAnswer.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    // What is no answer may hold a token: it stays out of the message.
  }
  const value = answer?.token || answer?.access_token;
  if (!value || !/^[\x21-\x7e]+$/.test(value))
    throw new DogwoodError('REGISTRY_PROTOCOL', `${what}: no token in the answer`);
  const stated = answer?.expires_in ?? 0;
  const life = (stated > 0 ? stated : DEFAULT_LIFE_SECONDS) * 1000;
  return { value, usableUntil: asked + life - Math.min(MAX_EARLY_MS, life / 5) };
}
