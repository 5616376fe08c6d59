import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import { DogwoodError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { isLoopback } from '../hosts.ts';
import type { PullHandler } from './handler.ts';

/** Milliseconds in which a client must have sent its headers, and its whole request. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** Milliseconds after which a connection on which nothing moves is cut, and an unused one is closed. */
const IDLE_MS = 120_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_CONNECTIONS = 512;

export interface ListenOptions {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** PEM. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Whether it is open to everybody who reaches it: then only this machine may. */
  readonly open: boolean;
  readonly logger: Logger;
}

export interface Listening {
  /** `127.0.0.1:5000`, `[::1]:5000`. */
  readonly host: string;
  readonly url: string;
  readonly isLoopback: boolean;
  /** Takes no more requests and waits for those under way, at most so many milliseconds; then they are cut. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens until it is closed.
 *
 * @throws USAGE for an address that others reach while it is open to everybody; LISTEN_FAILED
 */
export async function listen(handler: PullHandler, options: ListenOptions): Promise<Listening> {
  const address = await addressOf(options.host);
  const local = isLoopback(isIP(address) === 6 ? `[${address}]` : address);
  if (options.open && !local) {
    throw new DogwoodError('USAGE', `${options.host} can be reached by others, and no token is asked for`, {
      hint: 'Give tokens with --token-file, or listen on 127.0.0.1.',
    });
  }
  const server = createServer(options.tls);
  let closing = false;
  server.on('request', (request, response) => {
    if (closing) response.setHeader('connection', 'close');
    // One that was answered before kept its connection, and the end would wait for that.
    response.once('close', () => setImmediate(() => closing && server.closeIdleConnections()));
    void handler(request, response);
  });
  server.on('drop', () => options.logger.warn('connection refused: too many', { limit: MAX_CONNECTIONS }));
  await start(server, address, options);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  const shown = isIP(options.host) === 6 ? `[${options.host}]` : options.host;
  return {
    host: `${shown}:${port}`,
    url: `${options.tls === undefined ? 'http' : 'https'}://${shown}:${port}`,
    isLoopback: local,
    async close(graceMs) {
      closing = true;
      await close(server, graceMs);
    },
  };
}

function createServer(tls: ListenOptions['tls']): Server {
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1000,
  };
  const server =
    tls === undefined
      ? process.getBuiltinModule('node:http').createServer(limits)
      : process.getBuiltinModule('node:https').createServer({ ...limits, ...tls });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  return server;
}

async function start(server: Server, address: string, { host, port }: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new DogwoodError('LISTEN_FAILED', `cannot listen on ${host}:${port} (${codeOf(cause)})`, { cause });
  }
  server.off('error', reject);
}

async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new DogwoodError('LISTEN_FAILED', `${host} is no address of this machine (${codeOf(cause)})`, {
      cause,
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

async function close(server: Server, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await promise;
  clearTimeout(timer);
}
