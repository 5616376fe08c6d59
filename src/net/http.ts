import type { ClientRequest, IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { createHostCertificates } from './certificates.ts';
import { createGuard, type Guard } from './guard.ts';
import type { GuardPolicy, Trip } from './judge.ts';
import { asNetError, NetError, proxyRefusal } from './net-error.ts';
import { createProxies } from './proxies.ts';
import { relayBody } from './response-body.ts';
import { createRoutes, type Route, type Routes } from './routes.ts';
import { type NetworkSettings, PLAIN_NETWORK } from './settings.ts';

// No imports: the namespace of node:http has getters that load all of undici, and node:https brings TLS along; every
// start would take 35 ms longer.
const http = process.getBuiltinModule('node:http');
const https = () => process.getBuiltinModule('node:https');

/** What a request sends. */
export interface RequestBody {
  /**
   * Opens the bytes; called once per request, and only when the connection stands. `stopped` fires when the
   * connection has no more use for them (an early answer, a cut): whatever feeds them should be let go.
   */
  open(stopped: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Bytes; undefined sends them chunked. */
  readonly size?: number | undefined;
  /** Told of each chunk that the connection has taken: nothing looks at its memory any more. Not of one that failed. */
  readonly onWritten?: ((chunk: Uint8Array) => void) | undefined;
}

export interface HttpRequest {
  readonly method: string;
  /** User and password in it are ignored. */
  readonly url: URL;
  /**
   * The address whose answer named `url` (as a token server, a redirect, a Location, a Link): it decides which
   * addresses may be reached. Undefined for what the user named himself.
   */
  readonly referrer?: URL | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /** How the reader of the answer's body is told that it broke; by default with the NetError itself. */
  readonly bodyFailure?: ((error: NetError) => Error) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; each line of a repeated header on its own (several challenges must not be joined). */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  /** The bytes as they came over the wire: nothing is ever decompressed, so that digests hold. */
  readonly body: Readable;
  /** What is left of the body must come within `documentTimeout`: for documents, which are small. */
  limitTime(): void;
}

export interface HttpClient {
  /**
   * Sends one request; follows no redirect, retries nothing, throws for no status.
   * Throws NetError for what went wrong with the connection, the signal's reason when it fired, and errors of the
   * body's own source as they are.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle and busy connections. */
  close(): void;
}

export interface HttpClientOptions {
  /** Proxies, certificates by host and the allow-list of the guard; default none of them. Throws CONFIG_INVALID. */
  readonly network?: NetworkSettings | undefined;
  /** Which addresses may be reached at all. Default `user`; see `GuardPolicy`. */
  readonly policy?: GuardPolicy | undefined;
  /** PEM certificates to trust beside Node's own list. */
  readonly ca?: readonly string[] | undefined;
  /** Hosts (`name:port`, or `name` for every port) whose certificates are not checked. */
  readonly insecureHosts?: readonly string[] | undefined;
  /** Replaces name resolution, under the guard. Not called for addresses given as numbers. */
  readonly lookup?: LookupFunction | undefined;
  /** PEM certificates of this machine, asked for when nobody else vouches for a host; default what OpenSSL finds. */
  readonly machineCertificates?: (() => readonly string[]) | undefined;
  readonly userAgent?: string | undefined;
  /**
   * Default 16: more than the registry client has on their way at once to a host (host-gate.ts), and answers being read
   * beside them. Whoever waits for a connection waits unseen; that client counts and paces.
   */
  readonly socketsPerHost?: number | undefined;
  /** Milliseconds until a connection stands, TLS included. Default 10 s. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds from the last byte sent to the answer's headers. Default 120 s: registries move blobs meanwhile. */
  readonly headersTimeout?: number | undefined;
  /** Milliseconds in which (nearly) no byte moves in either direction although one is wanted. Default 60 s. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds for the body of a document; see `HttpResponse.limitTime`. Default 120 s. */
  readonly documentTimeout?: number | undefined;
}

interface Context {
  readonly routes: Routes;
  readonly guard: Guard;
  readonly insecureHosts: ReadonlySet<string>;
  readonly userAgent: string;
  readonly connectTimeout: number;
  readonly headersTimeout: number;
  readonly idleTimeout: number;
  readonly documentTimeout: number;
}

/** An HTTP/1.1 client over node:http with keep-alive, time limits for every phase, and bytes as they are. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { network = PLAIN_NETWORK, connectTimeout = 10_000 } = options;
  const routes = createRoutes({
    ca: options.ca ?? [],
    certificates: createHostCertificates(network),
    proxies: createProxies(network.variables),
    socketsPerHost: options.socketsPerHost ?? 16,
    connectTimeout,
    machineCertificates: options.machineCertificates,
  });
  const context: Context = {
    routes,
    guard: createGuard({ policy: options.policy ?? 'user', allow: network.allow, lookup: options.lookup }),
    insecureHosts: new Set(options.insecureHosts),
    userAgent: options.userAgent ?? 'dogwood',
    connectTimeout,
    headersTimeout: options.headersTimeout ?? 120_000,
    idleTimeout: options.idleTimeout ?? 60_000,
    documentTimeout: options.documentTimeout ?? 120_000,
  };
  return {
    async request(request) {
      const { signal } = request;
      for (;;) {
        signal?.throwIfAborted();
        const route = await routes.find(request.url);
        const trip = { url: request.url, referrer: request.referrer, proxied: route.proxy !== undefined };
        await context.guard.admit(trip);
        signal?.throwIfAborted();
        try {
          return await exchange(request, trip, route, context);
        } catch (error) {
          // The connection never stood: nothing was sent, and no body was opened.
          const unknown = error instanceof NetError && error.tls === 'issuer';
          if (!unknown || !routes.trustMachine(route)) throw error;
        }
      }
    },
    close: routes.close,
  };
}

async function exchange(
  request: HttpRequest,
  trip: Trip,
  route: Route,
  context: Context,
): Promise<HttpResponse> {
  const { signal, url } = request;
  const outgoing = start(request, trip, route, context);
  const host = route.proxy === undefined ? url.host : `${url.host} by the proxy ${route.proxy.host}`;
  const stopped = new AbortController();
  let active: { destroy(error: Error): unknown } = outgoing;
  const onAbort = () => active.destroy(toError(signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = () => {
    signal?.removeEventListener('abort', onAbort);
    stopped.abort(OVER);
    // An answer that came before all was sent leaves a connection nobody can use again.
    if (!outgoing.writableFinished) outgoing.destroy();
  };
  try {
    const answered = responseOf(outgoing);
    await connected(outgoing, context.connectTimeout, host, signal);
    context.guard.arrived(trip, outgoing.socket?.remoteAddress);
    const sent = sendBody(outgoing, request.body, stopped.signal, context.idleTimeout, host).then(() =>
      limited(answered, context.headersTimeout, () =>
        outgoing.destroy(new NetError('timeout', host, 'no answer in time')),
      ),
    );
    const response = await Promise.race([answered, sent]);
    stopped.abort(OVER);
    sent.catch(() => {});
    const { statusCode: status = 0, headersDistinct: headers } = response;
    // RFC 9110 section 15.5.8: of a request that the proxy reads itself; no registry says this.
    if (status === 407 && trip.proxied) throw proxyRefusal(status, host);
    const relay = relayBody(response, {
      host,
      idleTimeout: context.idleTimeout,
      failure: request.bodyFailure,
      onEnd: release,
    });
    active = relay.body;
    return { status, headers, body: relay.body, limitTime: () => relay.limitTime(context.documentTimeout) };
  } catch (error) {
    outgoing.destroy();
    release();
    signal?.throwIfAborted();
    throw asNetError(error, host);
  }
}

/** One for all: without a reason each abort makes an error with a stack of its own, which costs more than the rest of it. */
const OVER = new Error('the exchange is over');

function start(request: HttpRequest, trip: Trip, { agent }: Route, context: Context): ClientRequest {
  const { url, method, body } = request;
  const sends = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const length = body === undefined ? (sends ? 0 : undefined) : body.size;
  const headers = {
    'user-agent': context.userAgent,
    ...request.headers,
    ...(length === undefined ? {} : { 'content-length': String(length) }),
  };
  const common = { method, headers, auth: null, agent, lookup: context.guard.lookup(trip) };
  const outgoing =
    url.protocol === 'https:'
      ? https().request(url, {
          ...common,
          rejectUnauthorized:
            !context.insecureHosts.has(url.host) && !context.insecureHosts.has(url.hostname),
        })
      : http.request(url, common);
  // A late error (a cut after the answer came) has no one waiting for it.
  outgoing.on('error', () => {});
  return outgoing;
}

function responseOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
  answered.catch(() => {});
  return answered;
}

/** Waits until the socket stands. The clock starts when the pool has given one out, not while queueing for it. */
function connected(
  outgoing: ClientRequest,
  timeout: number,
  host: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    // A request that has no socket yet hears of its end only when it gets one.
    const onAbort = () => settle(() => reject(toError(signal?.reason)));
    signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.once('error', (error) => settle(() => reject(error)));
    outgoing.once('socket', (socket) => {
      const isTls = 'encrypted' in socket;
      // A socket from the pool stands already; a fresh one is still connecting, TLS included.
      if (outgoing.reusedSocket || !socket.connecting) return settle(resolve);
      timer = setTimeout(
        () => outgoing.destroy(new NetError('timeout', host, 'no connection in time')),
        timeout,
      );
      socket.once(isTls ? 'secureConnect' : 'connect', () => settle(resolve));
    });
  });
}

async function sendBody(
  outgoing: ClientRequest,
  body: RequestBody | undefined,
  stopped: AbortSignal,
  idleTimeout: number,
  host: string,
): Promise<void> {
  if (body !== undefined) {
    for await (const chunk of await body.open(stopped)) {
      if (stopped.aborted || outgoing.destroyed) return;
      const done = (error?: Error | null) => error || body.onWritten?.(chunk);
      if (outgoing.write(chunk, done)) continue;
      // Only a peer that does not take bytes is stalled; a slow source is the source's matter.
      await limited(drained(outgoing), idleTimeout, () =>
        outgoing.destroy(new NetError('timeout', host, 'takes no more bytes')),
      );
    }
  }
  outgoing.end();
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done).off('close', done).off('response', done);
      resolve();
    };
    outgoing.on('drain', done).on('close', done).on('response', done);
  });
}

async function limited<T>(promise: Promise<T>, milliseconds: number, onLate: () => void): Promise<T> {
  const timer = setTimeout(onLate, milliseconds);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
