import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Place, Quirks } from './quirks.ts';
import type { State } from './state.ts';

/** One request as it came in; it is in the list as soon as its headers are there. */
export interface RecordedRequest {
  /** Which of the servers it went to. */
  readonly host: 'registry' | 'storage';
  readonly method: string;
  readonly path: string;
  /** As it was written, without its question mark. */
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly place: Place | undefined;
  readonly repository: string | undefined;
  /** From the path, or from the query of an upload. */
  readonly digest: string | undefined;
  /** Of its body, so far. */
  receivedBytes: number;
  /** Of the answer's body, so far. */
  sentBytes: number;
  /** Undefined while there is no answer. */
  status: number | undefined;
}

/** What all parts of one registry share. */
export interface Registry {
  /** May be changed while it runs. */
  quirks: Quirks;
  readonly state: State;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly storageUrl: string;
  /** Milliseconds since 1970, of the registry; its token server's is the same but for p13. */
  readonly now: () => number;
  /** How often this was asked for a name, this time included. */
  count(name: string): number;
  /** True so many times for a name, and never again. */
  take(name: string, times: number): boolean;
}

export interface Exchange {
  readonly registry: Registry;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly record: RecordedRequest;
}

type Headers = Readonly<Record<string, string | readonly string[] | number>>;

/** Answers a request, with what this registry puts on every answer. */
export function answer(
  exchange: Exchange,
  status: number,
  headers: Headers = {},
  body?: Uint8Array | string,
): undefined {
  const { quirks } = exchange.registry;
  const { lostAnswer } = quirks;
  const writes = exchange.request.method !== 'GET' && exchange.request.method !== 'HEAD';
  const mayBeLost = lostAnswer !== undefined && writes && status < 400;
  const isPlace = exchange.record.place === lostAnswer?.on;
  if (mayBeLost && isPlace && exchange.registry.take('lostAnswer', lostAnswer.times)) {
    exchange.request.socket.destroy();
    return;
  }
  const bytes = body === undefined ? undefined : Buffer.from(body as string);
  writeHead(exchange, status, {
    ...(quirks.p22 && { 'set-cookie': 'sid=1; Path=/; HttpOnly' }),
    ...(quirks.warning !== undefined && { warning: `299 - "${quirks.warning}"` }),
    ...(bytes !== undefined && { 'content-length': bytes.length }),
    ...(bytes === undefined &&
      exchange.request.method !== 'HEAD' &&
      status !== 204 && { 'content-length': 0 }),
    ...headers,
  });
  if (exchange.request.method === 'HEAD' || bytes === undefined) exchange.response.end();
  else {
    exchange.record.sentBytes += bytes.length;
    exchange.response.end(bytes);
  }
}

export function writeHead(
  { record, response, registry }: Exchange,
  status: number,
  headers: Headers,
): undefined {
  record.status = status;
  const all = { 'docker-distribution-api-version': 'registry/2.0', ...headers } as Record<string, string>;
  if (registry.quirks.noDigestHeader) delete all['docker-content-digest'];
  response.writeHead(status, all);
}

/** An error as distribution-spec writes it ("Error Codes"), or as a web page. */
export function fail(
  exchange: Exchange,
  status: number,
  code: string,
  message: string,
  more: { readonly detail?: unknown; readonly headers?: Headers } = {},
): undefined {
  const html = exchange.registry.quirks.htmlErrors;
  const body = html
    ? `<html><head><title>${status}</title></head><body><h1>${status}</h1><hr>nginx</body></html>`
    : JSON.stringify({
        errors: [{ code, message, ...(more.detail !== undefined && { detail: more.detail }) }],
      });
  const type = html ? 'text/html' : 'application/json; charset=utf-8';
  // An answer to a body that nobody reads ends its connection, as every server does it.
  const unread = !exchange.request.complete && hasBody(exchange.request);
  answer(
    exchange,
    status,
    { 'content-type': type, ...(unread && { connection: 'close' }), ...more.headers },
    body,
  );
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
