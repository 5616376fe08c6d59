import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { asNetError, NetError } from './net-error.ts';
import { relayBody } from './response-body.ts';

// No imports: the namespace of node:http has getters that load all of undici, and node:https brings TLS along; every
// start would take 35 ms longer.
const http = process.getBuiltinModule('node:http');
const https = () => process.getBuiltinModule('node:https');
const tls = () => process.getBuiltinModule('node:tls');

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
  /** PEM certificates to trust beside Node's own list. */
  readonly ca?: readonly string[] | undefined;
  /** Hosts (`name:port`, or `name` for every port) whose certificates are not checked. */
  readonly insecureHosts?: readonly string[] | undefined;
  /** Replaces name resolution: the place for an outbound guard. Not called for addresses given as numbers. */
  readonly lookup?: LookupFunction | undefined;
  readonly userAgent?: string | undefined;
  /** Default 8. */
  readonly socketsPerHost?: number | undefined;
  /** Milliseconds until a connection stands, TLS included. Default 10 s. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds from the last byte sent to the answer's headers. Default 120 s: registries move blobs meanwhile. */
  readonly headersTimeout?: number | undefined;
  /** Milliseconds in which no byte moves in either direction although one is wanted. Default 60 s. */
  readonly idleTimeout?: number | undefined;
}

interface Context {
  readonly agents: { readonly http: Agent; readonly https: () => HttpsAgent };
  readonly insecureHosts: ReadonlySet<string>;
  readonly lookup: LookupFunction | undefined;
  readonly userAgent: string;
  readonly connectTimeout: number;
  readonly headersTimeout: number;
  readonly idleTimeout: number;
}

/** An HTTP/1.1 client over node:http with keep-alive, time limits for every phase, and bytes as they are. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const pool = { keepAlive: true, maxSockets: options.socketsPerHost ?? 8, scheduling: 'lifo' } as const;
  const ca = (): { ca?: string[] } =>
    options.ca === undefined ? {} : { ca: [...tls().getCACertificates(), ...options.ca] };
  let secure: HttpsAgent | undefined;
  const agents = {
    http: new http.Agent(pool),
    https() {
      secure ??= new (https().Agent)({ ...pool, ...ca() });
      return secure;
    },
  };
  const context: Context = {
    agents,
    insecureHosts: new Set(options.insecureHosts),
    lookup: options.lookup,
    userAgent: options.userAgent ?? 'dogwood',
    connectTimeout: options.connectTimeout ?? 10_000,
    headersTimeout: options.headersTimeout ?? 120_000,
    idleTimeout: options.idleTimeout ?? 60_000,
  };
  return {
    request: (request) => exchange(request, context),
    close() {
      agents.http.destroy();
      secure?.destroy();
    },
  };
}

async function exchange(request: HttpRequest, context: Context): Promise<HttpResponse> {
  const { signal, url } = request;
  signal?.throwIfAborted();
  const outgoing = start(request, context);
  const stopped = new AbortController();
  let active: { destroy(error: Error): unknown } = outgoing;
  const onAbort = () => active.destroy(toError(signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = () => {
    signal?.removeEventListener('abort', onAbort);
    stopped.abort();
    // An answer that came before all was sent leaves a connection nobody can use again.
    if (!outgoing.writableFinished) outgoing.destroy();
  };
  try {
    const answered = answerOf(outgoing);
    await connected(outgoing, context.connectTimeout, url.host);
    const sent = sendBody(outgoing, request.body, stopped.signal, context.idleTimeout, url.host).then(() =>
      limited(answered, context.headersTimeout, () =>
        outgoing.destroy(new NetError('timeout', url.host, 'no answer in time')),
      ),
    );
    const response = await Promise.race([answered, sent]);
    stopped.abort();
    sent.catch(() => {});
    const body = relayBody(response, {
      host: url.host,
      idleTimeout: context.idleTimeout,
      failure: request.bodyFailure,
      onEnd: release,
    });
    active = body;
    return { status: response.statusCode ?? 0, headers: response.headersDistinct, body };
  } catch (error) {
    outgoing.destroy();
    release();
    signal?.throwIfAborted();
    throw asNetError(error, url.host);
  }
}

function start(request: HttpRequest, context: Context): ClientRequest {
  const { url, method, body } = request;
  const secure = url.protocol === 'https:';
  const sends = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const length = body === undefined ? (sends ? 0 : undefined) : body.size;
  const headers = {
    'user-agent': context.userAgent,
    ...request.headers,
    ...(length === undefined ? {} : { 'content-length': String(length) }),
  };
  const common = { method, headers, auth: null, ...(context.lookup && { lookup: context.lookup }) };
  const outgoing = secure
    ? https().request(url, {
        ...common,
        agent: context.agents.https(),
        rejectUnauthorized: !context.insecureHosts.has(url.host) && !context.insecureHosts.has(url.hostname),
      })
    : http.request(url, { ...common, agent: context.agents.http });
  // A late error (a cut after the answer came) has no one waiting for it.
  outgoing.on('error', () => {});
  return outgoing;
}

function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
  answered.catch(() => {});
  return answered;
}

/** Waits until the socket stands. The clock starts when the pool has given one out, not while queueing for it. */
function connected(outgoing: ClientRequest, timeout: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    outgoing.once('error', (error) => settle(() => reject(error)));
    outgoing.once('socket', (socket) => {
      const isTls = 'encrypted' in socket;
      // A socket from the pool stands already; a fresh one is still connecting, TLS included.
      if (outgoing.reusedSocket || !socket.connecting) return resolve();
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
