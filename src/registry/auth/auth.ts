import { DogwoodError } from '../../errors.ts';
import type { HttpClient } from '../../net/http.ts';
import type { HostPolicy } from '../http/hosts.ts';
import type { RetryPolicy } from '../http/retry.ts';
import { createSharing } from '../http/sharing.ts';
import type { Challenge } from './challenge.ts';
import type { Credential, CredentialSource } from './credentials.ts';
import { type KnownRegistry, keyOf, type Proof } from './known-registry.ts';
import { createLogin, type Login } from './login.ts';
import { chooseScheme } from './scheme.ts';
import { mergeScopes, repositoryOf, type Scope } from './scope.ts';
import { basicValue } from './token.ts';
import { createTokenCache } from './token-cache.ts';

export interface RegistryAuth {
  /** Takes in what a registry at `base` asks for (its answer to a ping). */
  learn(registry: string, base: URL, challenges: readonly Challenge[]): void;
  /** For one request to the registry. */
  login(registry: string, scopes: readonly Scope[]): Login;
  /** Which credentials are in use, for a message: `credentials from ...`. */
  identity(registry: string, scopes: readonly Scope[]): Promise<string>;
}

export interface AuthOptions {
  readonly http: HttpClient;
  readonly credentials: CredentialSource;
  readonly hosts: HostPolicy;
  readonly retry: RetryPolicy;
}

/**
 * Basic and bearer authentication. Credentials go to the registry itself and to the token server (realm) it names,
 * and to that one only over https, or without TLS where the user allowed it (`scheme.ts`).
 */
export function createAuth(options: AuthOptions): RegistryAuth {
  const { retry } = options;
  const registries = new Map<string, KnownRegistry>();
  const credentialOf = rememberCredentials(options.credentials);
  const tokens = createTokenCache(options.http, retry);

  const knownOf = (registry: string): KnownRegistry => {
    const known = registries.get(registry) ?? {
      scheme: { kind: 'none' },
      wider: new Map(),
      forms: new Map(),
      hopeless: new Map(),
    };
    registries.set(registry, known);
    return known;
  };

  const identity = async (registry: string, scopes: readonly Scope[]): Promise<string> => {
    const credential = await credentialOf(registry, repositoryOf(scopes));
    if (credential !== undefined) return `credentials from ${credential.source}`;
    return `no credentials for ${registry} (${options.credentials.places})`;
  };

  const tokenFor = async (
    registry: string,
    scopes: readonly Scope[],
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Proof> => {
    const { scheme, wider, forms } = knownOf(registry);
    if (scheme.kind !== 'bearer') return { value: undefined };
    const { realm, base: referrer, service } = scheme;
    if (credential?.kind === 'password' && credential.confined && realm.origin !== referrer.origin) {
      throw new DogwoodError(
        'REGISTRY_PROTOCOL',
        `${registry} names a token server on another host (${realm.host}); ${credential.source} is not sent there`,
      );
    }
    const key = keyOf(scopes);
    const whole = mergeScopes([...scopes, ...(wider.get(key) ?? [])]);
    for (;;) {
      const form = forms.get(key) ?? 'repeated';
      const wanted = form === 'first' ? whole.slice(0, 1) : whole;
      const request = {
        registry,
        realm,
        referrer,
        service,
        scopes: wanted,
        joined: form === 'joined',
        credential,
      };
      try {
        const { token, isNew } = await tokens.get(request, signal);
        return { value: `Bearer ${token.value}`, token, isNew };
      } catch (error) {
        if (!(error instanceof DogwoodError) || error.kind.fault !== 'auth') throw error;
        if (wanted.length === 1) {
          const message = `${error.message}; ${await identity(registry, scopes)}`;
          throw new DogwoodError(error.code, message, { cause: error.cause });
        }
        // Some give no token at all when one scope of several is not allowed (buildkit#2454).
        forms.set(key, 'first');
      }
    }
  };

  return {
    identity,
    learn(registry, base, challenges) {
      knownOf(registry).scheme = chooseScheme(registry, base, challenges, options.hosts);
    },
    login(registry, scopes) {
      const known = knownOf(registry);
      return createLogin({
        scopes,
        known,
        retry,
        forget: tokens.forget,
        learn: (base, challenges) => {
          known.scheme = chooseScheme(registry, base, challenges, options.hosts);
        },
        async prove(signal) {
          if (known.scheme.kind === 'none') return { value: undefined };
          const credential = await credentialOf(registry, repositoryOf(scopes), signal);
          if (known.scheme.kind === 'basic') return { value: basicValue(credential) };
          if (credential?.kind === 'bearer') return { value: `Bearer ${credential.token}` };
          return await tokenFor(registry, scopes, credential, signal);
        },
      });
    },
  };
}

/** Asks for each repository once. */
function rememberCredentials(source: CredentialSource): CredentialSource['find'] {
  const found = new Map<string, Credential | undefined>();
  const ask = createSharing<Credential | undefined>();
  return async (registry, repository, signal) => {
    const key = `${registry}/${repository ?? ''}`;
    if (found.has(key)) return found.get(key);
    const credential = await ask(key, (stopped) => source.find(registry, repository, stopped), signal);
    found.set(key, credential);
    return credential;
  };
}
