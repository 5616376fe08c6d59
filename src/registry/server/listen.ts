import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import { DogwoodError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { isLoopback } from '../../net/host-name.ts';
import type { PullHandler } from './handler.ts';

/** What a client may take of time and room, in milliseconds and connections. */
export interface ListenLimits {
  /** To send its headers. */
  readonly headers: number;
  /** To send its whole request. */
  readonly request: number;
  /** Without a byte either way, before its connection is cut. */
  readonly idle: number;
  /** An unused connection is kept. */
  readonly keepAlive: number;
  readonly connections: number;
}

const LIMITS: ListenLimits = {
  headers: 10_000,
  request: 30_000,
  idle: 120_000,
  keepAlive: 60_000,
  connections: 512,
};

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
  readonly limits?: Partial<ListenLimits> | undefined;
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
  const limits = { ...LIMITS, ...options.limits };
  const server = createServer(options.tls, limits);
  let closing = false;
  server.on('request', (request, response) => {
    if (closing) response.setHeader('connection', 'close');
    // One that was answered before kept its connection, and the end would wait for that.
    response.once('close', () => setImmediate(() => closing && server.closeIdleConnections()));
    void handler(request, response);
  });
  server.on('drop', () => options.logger.warn('connection refused: too many', { limit: limits.connections }));
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

function createServer(tls: ListenOptions['tls'], limits: ListenLimits): Server {
  const times = {
    headersTimeout: limits.headers,
    requestTimeout: limits.request,
    keepAliveTimeout: limits.keepAlive,
    connectionsCheckingInterval: Math.min(1000, limits.headers),
  };
  const server =
    tls === undefined
      ? process.getBuiltinModule('node:http').createServer(times)
      : process.getBuiltinModule('node:https').createServer({ ...times, ...tls });
  server.maxConnections = limits.connections;
  server.setTimeout(limits.idle);
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
