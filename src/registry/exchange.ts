import { DogwoodError } from '../errors.ts';
import type { HttpClient, HttpResponse, RequestBody } from '../net/http.ts';
import { isRedirect, locationTarget, MAX_REDIRECTS } from '../net/redirect.ts';
import { registryHost } from '../oci/reference.ts';
import type { RegistryAuth } from './auth/auth.ts';
import { type Challenge, parseChallenges } from './auth/challenge.ts';
import type { Login } from './auth/login.ts';
import type { Scope } from './auth/scope.ts';
import type { Endpoints } from './endpoints.ts';
import { discard } from './http/body.ts';
import { refusal } from './http/refusal.ts';
import type { RetryPolicy } from './http/retry.ts';

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in a Reference: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** A path from `/v2/`, or an address that the registry gave. */
  readonly url: string | URL;
  readonly scopes: readonly Scope[];
  /** Statuses that are an answer; all others are thrown. */
  readonly expect: readonly number[];
  /** What is asked for, in messages: `blob sha256:... of app`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /** False when the body can be opened once only. Default true. */
  readonly reopenable?: boolean | undefined;
  /** False throws trouble that may pass at once. Default true. */
  readonly retry?: boolean | undefined;
  /**
   * No retry, and no second try with a new token either: for uploads, whose session is spoilt by a first half.
   * The caller starts over. Default false.
   */
  readonly once?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryResponse extends HttpResponse {
  /** Where the answer came from, after redirects: what a relative Location is relative to. */
  readonly url: URL;
}

export interface ExchangeContext {
  readonly http: HttpClient;
  readonly auth: RegistryAuth;
  readonly endpoints: Endpoints;
  readonly retry: RetryPolicy;
}

export function label(request: RegistryRequest): string {
  return `${registryHost(request.registry)}: ${request.method} ${request.what}`;
}

/** A request is shown to the registry so often at most, whatever it asks for. */
const MAX_ROUNDS = 8;

/**
 * One request with authentication and redirects, shown again as long as the registry wants another login. No retries.
 *
 * @throws NetError; what `refusal` gives for an answer that is not expected
 */
export async function exchange(
  request: RegistryRequest,
  context: ExchangeContext,
): Promise<RegistryResponse> {
  const { signal } = request;
  const base = await context.endpoints.find(request.registry, signal);
  const address = typeof request.url === 'string' ? new URL(request.url, base) : request.url;
  const login = context.auth.login(request.registry, request.scopes);
  for (let round = 1; ; round += 1) {
    const response = await follow(request, address, base, login, context);
    if (request.expect.includes(response.status)) return response;
    if (response.url.origin === base.origin) {
      const challenges = parseChallenges(response.headers['www-authenticate'] ?? []);
      const again = round < MAX_ROUNDS && !request.once;
      if (wantsLogin(response.status, challenges)) {
        const another = await login.refused({ base, challenges, again }, signal);
        if (another && again) {
          discard(response);
          continue;
        }
      }
    }
    throw await explain(response, request, context);
  }
}

/** RFC 6750 section 3.1 says 403 when a token allows too little; registries say 401. */
function wantsLogin(status: number, challenges: readonly Challenge[]): boolean {
  const lacking = challenges.some(({ parameters }) => parameters.get('error') === 'insufficient_scope');
  return status === 401 || (status === 403 && lacking);
}

async function explain(
  response: RegistryResponse,
  request: RegistryRequest,
  context: ExchangeContext,
): Promise<DogwoodError> {
  const error = await refusal(response, label(request), context.retry.clock(), movesTag(request));
  // An address of the registry's own, an upload's session, that it does not know (any more): another can be had.
  if (error.code === 'IMAGE_NOT_FOUND' && typeof request.url !== 'string') {
    return new DogwoodError('REGISTRY_UNAVAILABLE', error.message, { cause: error.cause });
  }
  if (error.kind.fault !== 'auth') return error;
  const who = await context.auth.identity(request.registry, request.scopes);
  return new DogwoodError(error.code, `${error.message}; ${who}`, { cause: error.cause });
}

/** Manifests put by their digest may be there already; under a tag they may meet one that must not move. */
function movesTag({ method, url }: RegistryRequest): boolean {
  const path = typeof url === 'string' ? url : url.pathname;
  return method === 'PUT' && /\/manifests\/[^:]+$/.test(path.replace(/\?.*$/, ''));
}

/**
 * Sends a request to an address and wherever that leads. Only requests to the registry's own origin carry
 * `Authorization`: what it redirects to is often a storage host with a signed address, which refuses a second
 * proof and must not see the first (distribution-spec, "clients MUST NOT forward Authorization").
 */
async function follow(
  request: RegistryRequest,
  address: URL,
  base: URL,
  login: Login,
  context: ExchangeContext,
): Promise<RegistryResponse> {
  let url = address;
  // A path is ours, below what the user named; an address came from the registry.
  let referrer = typeof request.url === 'string' && url.origin === base.origin ? undefined : base;
  for (let hops = 0; ; hops += 1) {
    const authorization = url.origin === base.origin ? await login.value(request.signal) : undefined;
    const answer = await context.http.request({
      method: request.method,
      url,
      referrer,
      headers: {
        'accept-encoding': 'identity',
        ...request.headers,
        ...(authorization && { authorization }),
      },
      body: request.body,
      signal: request.signal,
    });
    const response = { ...answer, url };
    if (!isRedirect(answer.status)) return response;
    if (request.body !== undefined && request.reopenable === false) return response;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (hops >= MAX_REDIRECTS || (!isRead && answer.status !== 307 && answer.status !== 308)) {
      return response;
    }
    discard(answer);
    referrer = url;
    url = locationTarget(answer.headers.location?.[0], url);
  }
}
