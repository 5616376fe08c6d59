import { DogwoodError } from '../errors.ts';
import { hostName, isLoopback } from '../net/host-name.ts';
import type { HttpClient, HttpResponse } from '../net/http.ts';
import { NetError } from '../net/net-error.ts';
import { isRedirect, locationTarget, MAX_REDIRECTS } from '../net/redirect.ts';
import { registryHost } from '../oci/reference.ts';
import type { RegistryAuth } from './auth/auth.ts';
import { parseChallenges } from './auth/challenge.ts';
import { discard } from './http/body.ts';
import { isGarbled } from './http/damage.ts';
import type { HostPolicy } from './http/hosts.ts';
import { connectionFailure, refusal } from './http/refusal.ts';
import { counted, mayPass, type RetryBudget, type RetryPolicy, withRetries } from './http/retry.ts';
import { createSharing } from './http/sharing.ts';

/** Where each registry answers, found out once. */
export interface Endpoints {
  /** The root of a registry, `https://HOST/`, after a ping that also told which authentication it wants. */
  find(registry: string, signal?: AbortSignal): Promise<URL>;
}

interface EndpointOptions {
  readonly http: HttpClient;
  readonly auth: RegistryAuth;
  readonly hosts: HostPolicy;
  readonly retry: RetryPolicy;
  readonly budgetOf: (registry: string) => RetryBudget;
}

/**
 * `GET /v2/` (distribution-spec, "Determining Support"), without credentials, once per registry.
 *
 * Every registry is spoken to with TLS. Only loopback and hosts named insecure fall back to plain HTTP, and only
 * when what answers the TLS greeting does not speak TLS (or, without a port, when nothing listens at 443).
 */
export function createEndpoints(options: EndpointOptions): Endpoints {
  const found = new Map<string, URL>();
  const ask = createSharing<URL>();
  return {
    async find(registry, signal) {
      const known = found.get(registry);
      if (known !== undefined) return known;
      let garbled = false;
      const again = (error: unknown) => {
        // Once: who never speaks HTTP is no registry, and whoever mistyped a port should not wait to hear it.
        if (mayPass(error)) return true;
        const first = !garbled;
        garbled = error instanceof Error && isGarbled(error.cause);
        return first && garbled;
      };
      const look = (stopped: AbortSignal) =>
        withRetries(
          options.retry,
          () => counted(options.budgetOf(registry), () => discover(registry, options, stopped)),
          { signal: stopped, again },
        );
      const base = await ask(registry, look, signal);
      found.set(registry, base);
      return base;
    },
  };
}

async function discover(
  registry: string,
  options: EndpointOptions,
  signal: AbortSignal | undefined,
): Promise<URL> {
  const host = registryHost(registry);
  const greet = (scheme: 'http' | 'https') =>
    ping(registry, new URL(`${scheme}://${host}/`), options, signal);
  try {
    if (isLoopback(hostName(host))) return await plainFirst(greet, host);
    return await tlsFirst(greet, host, options.hosts.mayBePlain(host));
  } catch (error) {
    throw connectionFailure(error, `${host}: ping`);
  }
}

type Greet = (scheme: 'http' | 'https') => Promise<URL>;

async function tlsFirst(greet: Greet, host: string, mayBePlain: boolean): Promise<URL> {
  try {
    return await greet('https');
  } catch (error) {
    if (error instanceof NetError && isNotTls(error, host) && mayBePlain) return await greet('http');
    throw error;
  }
}

async function plainFirst(greet: Greet, host: string): Promise<URL> {
  try {
    return await greet('http');
  } catch (error) {
    if (!mayWantTls(error, host)) throw error;
    // What speaks neither is best described by what it said in plain HTTP.
    return await greet('https').catch((second: unknown) => {
      throw second instanceof NetError && isNotTls(second, host) ? error : second;
    });
  }
}

/** A server that wants TLS hangs up on plain HTTP, or answers 400. */
function mayWantTls(error: unknown, host: string): boolean {
  if (error instanceof NetError)
    return error.kind === 'reset' || (error.kind === 'refused' && !hasPort(host));
  return error instanceof DogwoodError && error.code === 'REGISTRY_PROTOCOL';
}

const hasPort = (host: string): boolean => /:\d+$/.test(host);

function isNotTls(error: NetError, host: string): boolean {
  return error.kind === 'not-tls' || error.kind === 'reset' || (error.kind === 'refused' && !hasPort(host));
}

async function ping(
  registry: string,
  base: URL,
  options: EndpointOptions,
  signal: AbortSignal | undefined,
): Promise<URL> {
  const { response, url } = await get(new URL('/v2/', base), options.http, signal);
  // Another host's challenge says nothing about this registry.
  const lines = url.origin === base.origin ? response.headers['www-authenticate'] : undefined;
  const challenges = parseChallenges(lines ?? []);
  const wantsLogin = response.status === 401 && challenges.length > 0;
  if (response.status !== 200 && !wantsLogin) {
    const error = await refusal(response, `${base.host}: ping`, options.retry.clock());
    if (error.kind.retryable || error.code === 'REGISTRY_DENIED' || error.code === 'REGISTRY_TLS')
      throw error;
    throw new DogwoodError('REGISTRY_PROTOCOL', `${error.message} (no answer of a registry)`);
  }
  if (wantsLogin) options.auth.learn(registry, base, challenges);
  discard(response);
  return base;
}

async function get(
  address: URL,
  http: HttpClient,
  signal: AbortSignal | undefined,
): Promise<{ response: HttpResponse; url: URL }> {
  let url = address;
  let referrer: URL | undefined;
  for (let hops = 0; ; hops += 1) {
    const response = await http.request({ method: 'GET', url, referrer, signal });
    if (!isRedirect(response.status) || hops >= MAX_REDIRECTS) return { response, url };
    discard(response);
    referrer = url;
    url = locationTarget(response.headers.location?.[0], url);
  }
}
