import { onTestFinished } from 'vitest';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../../../src/net/http.ts';
import { NetError } from '../../../src/net/net-error.ts';
import type { Credential } from '../../../src/registry/auth/credentials.ts';
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from '../../../src/registry/client.ts';
import { createRegistryTarget, type RegistryTarget } from '../../../src/registry/registry-target.ts';
import type { QuirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';

/** Who `login` is at a quirk registry. */
export const me: Credential = { kind: 'password', username: 'me', password: 'hunter2', source: 'the test' };
export const login = { kind: 'token', users: { me: 'hunter2' } } as const;

export interface ClientChanges extends Partial<RegistryClientOptions> {
  readonly credential?: Credential;
  /** Of the HTTP client: time limits, and whom to trust. */
  readonly limits?: HttpClientOptions;
}

/** The real client, with a clock that only its own sleeping moves on: a test never waits. */
export function realClient(changes: ClientChanges = {}): RegistryClient & { readonly slept: number[] } {
  const { credential, limits, ...options } = changes;
  const http = options.http ?? createHttpClient(limits);
  onTestFinished(() => http.close());
  const slept: number[] = [];
  let time = Date.now();
  const client = createRegistryClient({
    http,
    credentials: { find: async () => credential, places: 'looked in the test' },
    ...options,
    retry: {
      attempts: 4,
      random: () => 0,
      clock: () => time,
      sleep: async (milliseconds) => {
        slept.push(milliseconds);
        time += milliseconds;
      },
      ...options.retry,
    },
  });
  return { ...client, slept };
}

/** The real target of a repository, by default with a client of its own. */
export function targetAt(
  registry: QuirkRegistry,
  repository = 'team/app',
  client: RegistryClient = realClient(),
): RegistryTarget {
  return createRegistryTarget({ client, reference: { registry: registry.host, repository } });
}

/**
 * An HTTP client to which a registry is at an address of its own choosing, for tests of names and ports that a test
 * cannot have. Everything else is where it is.
 */
export function httpWith(registry: QuirkRegistry, origin: string): HttpClient {
  const inner = createHttpClient();
  return {
    close: () => inner.close(),
    request(request) {
      const { method, url, headers, body, signal } = request;
      if (url.origin === origin.replace('http:', 'https:') && url.origin !== origin) {
        throw new NetError('not-tls', url.host, 'what answers does not speak TLS');
      }
      if (url.origin !== origin) return inner.request(request);
      const real = new URL(`${registry.url}${url.pathname}${url.search}`);
      return inner.request({ method, url: real, headers: { ...headers, host: url.host }, body, signal });
    },
  };
}
