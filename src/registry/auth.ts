import { DogwoodError } from '../errors.ts';
import type { HttpClient } from '../net/http.ts';
import type { Challenge } from './challenge.ts';
import type { Credential, CredentialSource } from './credentials.ts';
import { type HostPolicy, hostName, isLoopback } from './hosts.ts';
import type { RetryPolicy } from './retry.ts';
import { covers, type Scope } from './scope.ts';
import { createSharing } from './sharing.ts';
import { basicValue, fetchToken, type Token, type TokenRequest } from './token.ts';

/** What goes into a request's `Authorization`, and how to take it back when the registry would not have it. */
export interface Authorization {
  readonly value: string;
  forget(): void;
}

export interface RegistryAuth {
  /** Takes in what a registry at `base` asks for (its answer to a ping, or a 401 for these scopes). */
  learn(registry: string, base: URL, challenges: readonly Challenge[], scopes: readonly Scope[]): void;
  /** For requests to the registry itself, never to another host; undefined when it asked for nothing we can give. */
  authorize(
    registry: string,
    scopes: readonly Scope[],
    signal?: AbortSignal,
  ): Promise<Authorization | undefined>;
  /** Which credentials are in use, for a message: `credentials from ...`. */
  identity(registry: string): Promise<string>;
}

interface BearerScheme {
  readonly kind: 'bearer';
  readonly realm: URL;
  /** The registry, where it was found. */
  readonly base: URL;
  readonly service: string | undefined;
}
type Scheme = { readonly kind: 'none' } | { readonly kind: 'basic' } | BearerScheme;

interface Known {
  readonly scheme: Scheme;
  /** A challenge may ask for more than we thought of (`insufficient_scope`): by the scopes we had asked for. */
  readonly wider: Map<string, readonly Scope[]>;
}

export interface AuthOptions {
  readonly http: HttpClient;
  readonly credentials: CredentialSource;
  readonly hosts: HostPolicy;
  readonly retry: RetryPolicy;
}

/**
 * Basic and bearer authentication. Credentials go to the registry itself and to the token server (realm) it names,
 * and to that one only over https, or without TLS where the user allowed it (see `checkedRealm`).
 */
export function createAuth(options: AuthOptions): RegistryAuth {
  const known = new Map<string, Known>();
  const credentialOf = rememberCredentials(options.credentials);
  const tokens = createTokenCache(options.http, options.retry);

  const identity = async (registry: string): Promise<string> => {
    const credential = await credentialOf(registry);
    if (credential !== undefined) return `credentials from ${credential.source}`;
    return `no credentials for ${registry} (${options.credentials.places})`;
  };

  const bearer = async (
    registry: string,
    { realm, base, service }: BearerScheme,
    scopes: readonly Scope[],
    signal: AbortSignal | undefined,
  ): Promise<Authorization> => {
    const credential = await credentialOf(registry, signal);
    if (credential?.kind === 'bearer') return { value: `Bearer ${credential.token}`, forget() {} };
    try {
      return await tokens.get({ registry, realm, referrer: base, service, scopes, credential }, signal);
    } catch (error) {
      if (!(error instanceof DogwoodError) || error.kind.fault !== 'auth') throw error;
      throw new DogwoodError(error.code, `${error.message}; ${await identity(registry)}`, { cause: error });
    }
  };

  return {
    identity,
    learn(registry, base, challenges, scopes) {
      const scheme = chooseScheme(registry, base, challenges, options.hosts);
      const wider = known.get(registry)?.wider ?? new Map<string, readonly Scope[]>();
      const asked = challenges.find((challenge) => challenge.scheme === 'bearer')?.parameters.get('scope');
      const more = (asked ?? '').split(' ').filter((scope) => scope !== '' && !covers(scopes, [scope]));
      if (more.length > 0) wider.set(scopes.join(' '), more);
      known.set(registry, { scheme, wider });
    },
    async authorize(registry, scopes, signal) {
      const { scheme, wider } = known.get(registry) ?? { scheme: { kind: 'none' } };
      if (scheme.kind === 'none') return undefined;
      if (scheme.kind === 'bearer') {
        return await bearer(registry, scheme, [...scopes, ...(wider?.get(scopes.join(' ')) ?? [])], signal);
      }
      const value = basicValue(await credentialOf(registry, signal));
      return value === undefined ? undefined : { value, forget() {} };
    },
  };
}

/** Asks for each registry once: a helper may ask a person. */
function rememberCredentials(source: CredentialSource): CredentialSource['find'] {
  const found = new Map<string, Credential | undefined>();
  const ask = createSharing<Credential | undefined>();
  return async (registry, signal) => {
    if (found.has(registry)) return found.get(registry);
    const credential = await ask(registry, (stopped) => source.find(registry, stopped), signal);
    found.set(registry, credential);
    return credential;
  };
}

interface HeldToken extends Token {
  /** Registry, realm, service. The credential is no part of it: a registry has one for the life of the client. */
  readonly audience: string;
  readonly scopes: readonly Scope[];
}

/** Tokens by audience and scopes; one that allows more serves as well. Several askers wait for one request. */
function createTokenCache(http: HttpClient, retry: RetryPolicy) {
  const held = new Set<HeldToken>();
  const ask = createSharing<HeldToken>();
  return {
    async get(
      request: Omit<TokenRequest, 'signal'>,
      signal: AbortSignal | undefined,
    ): Promise<Authorization> {
      const { scopes } = request;
      const audience = [request.registry, request.realm.href, request.service].join(' ');
      const now = retry.clock();
      for (const old of held) if (old.usableUntil <= now) held.delete(old);
      const fetch = async (stopped: AbortSignal) => {
        const token = await fetchToken(http, { ...request, signal: stopped }, retry);
        const fresh = { ...token, audience, scopes };
        held.add(fresh);
        return fresh;
      };
      const used =
        [...held].find((one) => one.audience === audience && covers(one.scopes, scopes)) ??
        (await ask([audience, ...scopes].join(' '), fetch, signal));
      return { value: `Bearer ${used.value}`, forget: () => held.delete(used) };
    },
  };
}

/** Bearer before basic: a registry that offers both wants the token. */
function chooseScheme(
  registry: string,
  base: URL,
  challenges: readonly Challenge[],
  hosts: HostPolicy,
): Scheme {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer !== undefined) {
    const realm = checkedRealm(registry, base, bearer.parameters.get('realm') ?? '', hosts);
    return { kind: 'bearer', realm, base, service: bearer.parameters.get('service') };
  }
  return { kind: challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : 'none' };
}

/**
 * The registry chooses its token server, and whoever can change its answer chooses it too (CVE-2026-48978):
 * - a realm without TLS only where plain HTTP is allowed at all;
 * - a registry that was itself reached without TLS may name only its own host, or be on loopback.
 * Which addresses a realm may resolve to is the outbound guard's matter (`lookup` of the HTTP client).
 */
function checkedRealm(registry: string, base: URL, text: string, hosts: HostPolicy): URL {
  const realm = URL.parse(text, base.href);
  const refuse = (why: string) =>
    new DogwoodError(
      'REGISTRY_PROTOCOL',
      `${registry} names a token server ${why}; no credentials are sent there`,
    );
  if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) {
    throw refuse('that is no HTTP address');
  }
  if (realm.protocol === 'http:' && !hosts.mayBePlain(realm.host))
    throw refuse(`without TLS (${realm.host})`);
  const tampered = base.protocol === 'http:' && !isLoopback(hostName(base.host));
  if (tampered && realm.hostname !== base.hostname) {
    throw refuse(`on another host (${realm.host}) over a connection without TLS`);
  }
  realm.username = '';
  realm.password = '';
  realm.hash = '';
  return realm;
}
