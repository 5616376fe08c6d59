import type { Agent, AgentOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { DogwoodError } from '../errors.ts';
import type { FindCertificates, HostCertificates } from './certificates.ts';
import { NetError } from './net-error.ts';
import type { Proxies } from './proxies.ts';

// No imports: the namespace of node:http has getters that load all of undici, and node:https brings TLS along; every
// start would take 35 ms longer.
const http = process.getBuiltinModule('node:http');
const https = () => process.getBuiltinModule('node:https');
const tls = () => process.getBuiltinModule('node:tls');

/** How a request travels: its connections, and whom it trusts. */
export interface Route {
  readonly agent: Agent;
  readonly proxy: URL | undefined;
}

export interface Routes {
  /** Throws CONFIG_INVALID for certificates that are of no use, USAGE for a proxy that is none. */
  find(url: URL): Promise<Route>;
  /**
   * Trusts the authorities of this machine, too, which Node by itself does not look at: what a company gives to all
   * its machines lies there. They are read when somebody is met whom nobody else vouches for, since that takes 30 ms.
   * True when another try with a new route may end otherwise.
   */
  trustMachine(route: Route): boolean;
  close(): void;
}

export interface RoutesOptions {
  /** PEM, trusted beside Node's own list. */
  readonly ca: readonly string[];
  readonly certificates: FindCertificates;
  readonly proxies: Proxies;
  readonly socketsPerHost: number;
  /** Milliseconds until a connection stands. */
  readonly connectTimeout: number;
  /** PEM; default what OpenSSL finds on this machine ($SSL_CERT_FILE, $SSL_CERT_DIR, else its own folder). */
  readonly machineCertificates?: (() => readonly string[]) | undefined;
}

/** Connections are pooled by proxy and by certificates, and within that by host as node:http does. */
export function createRoutes(options: RoutesOptions): Routes {
  const pools = new Map<string, Agent>();
  const retired = new Set<Agent>();
  let machine: readonly string[] | undefined;

  const contextOf = (own: HostCertificates | undefined): SecureContextOptions | undefined => {
    const extra = [...options.ca, ...(own?.ca ?? []), ...(machine ?? [])];
    if (extra.length === 0 && own === undefined) return undefined;
    return {
      ...(extra.length > 0 && { ca: [...new Set([...tls().getCACertificates(), ...extra])] }),
      ...(own !== undefined && own.cert.length > 0 && { cert: [...own.cert], key: [...own.key] }),
    };
  };

  const makeAgent = (url: URL, proxy: URL | undefined, own: HostCertificates | undefined): Agent => {
    const pool: AgentOptions = {
      keepAlive: true,
      maxSockets: options.socketsPerHost,
      scheduling: 'lifo',
      ...(proxy !== undefined && { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
    };
    if (url.protocol !== 'https:') return new http.Agent(pool);
    const context = contextOf(own);
    // One context for all connections of the pool: to read all the certificates takes 13 ms.
    const secureContext = context && secureContextOf(context, own);
    const agent = new (https().Agent)({ ...pool, ...(secureContext && { secureContext }) });
    if (proxy !== undefined) limitTunnels(agent, url, options.connectTimeout);
    return agent;
  };

  return {
    async find(url) {
      const proxy = options.proxies.find(url);
      const own = url.protocol === 'https:' ? await options.certificates(url) : undefined;
      const key = [url.protocol, proxy?.href ?? '', own === undefined ? '' : url.host].join(' ');
      const agent = pools.get(key) ?? makeAgent(url, proxy, own);
      pools.set(key, agent);
      return { agent, proxy };
    },
    trustMachine({ agent }) {
      if (machine !== undefined) return retired.has(agent);
      machine = (options.machineCertificates ?? (() => tls().getCACertificates('system')))();
      if (machine.length === 0) return false;
      for (const old of pools.values()) retired.add(old);
      pools.clear();
      return true;
    },
    close() {
      for (const agent of [...pools.values(), ...retired]) agent.destroy();
    },
  };
}

function secureContextOf(context: SecureContextOptions, own: HostCertificates | undefined) {
  try {
    return tls().createSecureContext(context);
  } catch (cause) {
    const files = own === undefined ? 'the certificates given' : own.files.join(', ');
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new DogwoodError(
      'CONFIG_INVALID',
      `certificates or keys that do not go together or are no PEM: ${files} (${code})`,
      {
        cause,
        hint: 'They must be PEM files, and the key without a passphrase must be the one of the certificate.',
      },
    );
  }
}

/** What Node does with a proxy's CONNECT has an end of its own only up to the proxy's answer, and then none. */
function limitTunnels(agent: Agent, { host }: URL, milliseconds: number): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, done) => {
    let socket: Duplex | null | undefined;
    const timer = setTimeout(() => {
      const late = new NetError('timeout', host, 'no connection through the proxy in time');
      done?.(late, undefined as unknown as Duplex);
      socket?.destroy(late);
    }, milliseconds);
    socket = connect(options, (error, stream) => {
      clearTimeout(timer);
      done?.(error, stream);
    });
    return socket;
  };
}
