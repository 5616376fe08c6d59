import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { listenForTest } from '../http-server.ts';
import { createGuard, type Guard, type QuirkAuth } from './auth.ts';
import { blob, sendBlob } from './blobs.ts';
import { answer, type Exchange, fail, type RecordedRequest, type Registry } from './exchange.ts';
import { faulty } from './faults.ts';
import { manifest } from './manifests.ts';
import type { Place, Quirks } from './quirks.ts';
import { referrers, webPage } from './referrers.ts';
import { createState, type Repository, repositoryOf } from './state.ts';
import { tags } from './tags.ts';
import { stateTarget } from './target.ts';
import { continueUpload, startUpload } from './uploads.ts';

export interface QuirkRegistryOptions {
  readonly quirks?: Quirks;
  readonly auth?: QuirkAuth;
  /** PEM, as `selfSigned()` gives them. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** How its clients call it, where that is not its address. */
  readonly publicUrl?: string;
  /** Milliseconds since 1970; the registry's clock. Default: this machine's. */
  readonly now?: () => number;
}

/** A registry in this process that does what distribution-spec 1.1 says, but for the switches that are on. */
export async function quirkRegistry(options: QuirkRegistryOptions = {}) {
  const requests: RecordedRequest[] = [];
  const counts = new Map<string, number>();
  const guard = createGuard(options.auth);
  const own: { url: string; storageUrl: string } = { url: '', storageUrl: '' };
  const registry: Registry = {
    quirks: options.quirks ?? {},
    state: createState(),
    get url() {
      return options.publicUrl ?? own.url;
    },
    get storageUrl() {
      return own.storageUrl;
    },
    now: options.now ?? Date.now,
    count(name) {
      const now = (counts.get(name) ?? 0) + 1;
      counts.set(name, now);
      return now;
    },
    take: (name, times) => registry.count(name) <= times,
  };
  const listener =
    (host: RecordedRequest['host']) => async (request: IncomingMessage, response: ServerResponse) => {
      const exchange = exchangeOf(registry, host, request, response);
      requests.push(exchange.record);
      try {
        await (host === 'registry' ? route(exchange, guard) : storage(exchange, guard));
      } catch (error) {
        // A client that goes away in the middle is what many tests are about; anything else is a mistake in here.
        if (!request.destroyed) response.destroy(error as Error);
      }
      // What nobody wants is let in, so that the answer arrives before the connection ends.
      if (!request.readableEnded) request.resume();
    };
  const { tls } = options;
  const serverFor = (host: RecordedRequest['host']) =>
    tls === undefined ? createServer(listener(host)) : createTlsServer(tls, listener(host));
  const scheme = tls === undefined ? 'http' : 'https';
  const host = await listenForTest(serverFor('registry'));
  own.url = `${scheme}://${host}`;
  own.storageUrl = `${scheme}://${await listenForTest(serverFor('storage'))}`;
  return {
    /** `127.0.0.1:PORT`. */
    host,
    url: own.url,
    storageUrl: own.storageUrl,
    /** In the order they began, of all servers. */
    requests: requests as readonly RecordedRequest[],
    /** `METHOD path?query` of each to the registry; pings and token requests are left out. */
    lines: () =>
      requests
        .filter(({ host, place }) => host === 'registry' && place !== 'ping' && place !== 'token')
        .map(({ method, path, query }) => `${method} ${path}${query === '' ? '' : `?${query}`}`),
    /** Bytes of blobs that came in, whatever became of them. */
    receivedBytes: () =>
      requests
        .filter(({ place }) => place === 'upload')
        .reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    forget: () => void requests.splice(0),
    /** Changes the switches while it runs, and starts their counts anew. */
    become(quirks: Quirks) {
      registry.quirks = quirks;
      counts.clear();
    },
    repository: (name: string): Repository => repositoryOf(registry.state, name),
    sessions: registry.state.sessions,
    /** Puts things there without a request: for `putSmallImage` and the like. */
    target: (name: string) => stateTarget(registry.state, name),
  };
}

export type QuirkRegistry = Awaited<ReturnType<typeof quirkRegistry>>;

const NAME = '([a-z0-9._/-]+)';
const PLACES: readonly (readonly [Place, RegExp])[] = [
  ['ping', /^\/v2\/$/],
  ['token', /^\/token$/],
  ['upload', new RegExp(`^/v2/${NAME}/blobs/uploads/([^/]*)$`)],
  ['blob', new RegExp(`^/v2/${NAME}/blobs/([^/]+)$`)],
  ['manifest', new RegExp(`^/v2/${NAME}/manifests/([^/]+)$`)],
  ['tags', new RegExp(`^/v2/${NAME}/tags/list$`)],
  ['referrers', new RegExp(`^/v2/${NAME}/referrers/([^/]+)$`)],
  ['upload', /^\/upload()\/([^/]+)$/],
  ['blob', new RegExp(`^/blob/${NAME}/([^/]+)$`)],
];

interface Routed {
  readonly place: Place | undefined;
  readonly name: string;
  readonly last: string;
}

function routed(path: string): Routed {
  for (const [place, pattern] of PLACES) {
    const match = pattern.exec(path);
    if (match !== null) return { place, name: match[1] ?? '', last: decodeURIComponent(match[2] ?? '') };
  }
  return { place: undefined, name: '', last: '' };
}

function exchangeOf(
  registry: Registry,
  host: RecordedRequest['host'],
  request: IncomingMessage,
  response: ServerResponse,
): Exchange {
  const url = new URL(request.url ?? '/', registry.url);
  const { place, name, last } = routed(url.pathname);
  const query = url.search.slice(1);
  const digest = last.includes(':')
    ? last
    : (url.searchParams.get('digest') ?? url.searchParams.get('mount'));
  const record: RecordedRequest = {
    host,
    method: request.method ?? '',
    path: url.pathname,
    query,
    headers: request.headers,
    place,
    repository: name === '' ? undefined : name,
    digest: digest ?? undefined,
    receivedBytes: 0,
    sentBytes: 0,
    status: undefined,
  };
  return { registry, request, response, url, record };
}

const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  GET: ['pull'],
  HEAD: ['pull'],
  POST: ['pull', 'push'],
  PATCH: ['pull', 'push'],
  PUT: ['pull', 'push'],
  DELETE: ['delete'],
};

async function route(exchange: Exchange, guard: Guard): Promise<undefined> {
  if (faulty(exchange)) return;
  const { request, url } = exchange;
  const { place, name, last } = routed(url.pathname);
  if (place === 'token') return await guard.token(exchange);
  // Distribution wants `delete` even to give up a session; the specification does not say, others want `push`.
  const actions = place === 'upload' ? ['pull', 'push'] : (ACTIONS[request.method ?? ''] ?? []);
  if (!guard.admit(exchange, name, actions)) return;
  switch (place) {
    case 'ping':
      return answer(exchange, 200, { 'content-type': 'application/json' }, '{}');
    case 'upload':
      return last === ''
        ? await startUpload(exchange, name, guard)
        : await continueUpload(exchange, last, guard);
    case 'blob':
      return blob(exchange, name, last);
    case 'manifest':
      return await manifest(exchange, name, last);
    case 'tags':
      return tags(exchange, name);
    case 'referrers':
      return referrers(exchange, name, last);
    default:
      return fail(exchange, 404, 'NAME_INVALID', 'invalid repository name');
  }
}

/** A storage host as S3 is one: what is signed needs no other proof, and must not bring one. */
async function storage(exchange: Exchange, guard: Guard): Promise<undefined> {
  const { registry, request, url } = exchange;
  const { place, name, last } = routed(url.pathname);
  if (url.pathname.startsWith('/web/')) return webPage(exchange);
  if (request.headers.authorization !== undefined) {
    const xml =
      '<?xml version="1.0"?><Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>';
    return answer(exchange, 400, { 'content-type': 'application/xml' }, xml);
  }
  if (!url.searchParams.has('X-Amz-Signature')) return answer(exchange, 403);
  if (request.method === 'HEAD' && registry.quirks.p10 === 'head-403') return answer(exchange, 403);
  if (place === 'upload') return await continueUpload(exchange, last, guard);
  const bytes = repositoryOf(registry.state, name).blobs.get(last);
  if (bytes === undefined) return answer(exchange, 404);
  sendBlob(exchange, last, bytes);
}
