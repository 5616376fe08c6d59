import { type TlsTrouble, tlsFailure } from './tls-failure.ts';

/**
 * How a connection failed, before any HTTP status could say more.
 *
 * `not-tls`: what answered a TLS greeting does not speak TLS (a plain HTTP server does that).
 * `blocked`: the outbound guard refused the address.
 * `proxy`: a proxy refused to pass it on; asking again changes nothing.
 */
export type NetErrorKind =
  | 'unresolved'
  | 'refused'
  | 'reset'
  | 'timeout'
  | 'tls'
  | 'not-tls'
  | 'blocked'
  | 'proxy'
  | 'protocol';

interface NetErrorOptions {
  readonly cause?: unknown;
  /** What a person can do, where that is better known here than in the table of errors. */
  readonly hint?: string | undefined;
  readonly tls?: TlsTrouble | undefined;
}

/** What `net` throws. Callers turn it into the DogwoodError that fits what they were doing. */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly kind: NetErrorKind;
  /** Host and port. The path and query stay out of messages: a presigned address is a secret. */
  readonly host: string;
  readonly hint: string | undefined;
  readonly tls: TlsTrouble | undefined;

  constructor(kind: NetErrorKind, host: string, message: string, options: NetErrorOptions = {}) {
    super(`${host}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.host = host;
    this.hint = options.hint;
    this.tls = options.tls;
  }
}

const KINDS: ReadonlyMap<string, readonly [NetErrorKind, string]> = new Map([
  ['ENOTFOUND', ['unresolved', 'no such host']],
  ['EAI_AGAIN', ['refused', 'the name server does not answer']],
  ['ECONNREFUSED', ['refused', 'connection refused']],
  ['EHOSTUNREACH', ['refused', 'no route to the host']],
  ['ENETUNREACH', ['refused', 'no route to the network']],
  ['EADDRNOTAVAIL', ['refused', 'no route to the address']],
  ['ECONNRESET', ['reset', 'the connection was cut']],
  ['ECONNABORTED', ['reset', 'the connection was cut']],
  ['EPIPE', ['reset', 'the connection was cut']],
  ['ERR_STREAM_PREMATURE_CLOSE', ['reset', 'the connection was cut']],
  ['ETIMEDOUT', ['timeout', 'no connection in time']],
  // OpenSSL's words for "these bytes are no TLS record".
  ['EPROTO', ['not-tls', 'what answers does not speak TLS']],
  ['ERR_SSL_WRONG_VERSION_NUMBER', ['not-tls', 'what answers does not speak TLS']],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', ['not-tls', 'what answers does not speak TLS']],
  ['HPE_HEADER_OVERFLOW', ['protocol', 'the headers of its answer are too long']],
]);

/** Any error of node:http, node:tls or node:net as a NetError. What is no such error comes back as it is. */
export function asNetError(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || error instanceof NetError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const known = KINDS.get(code);
  if (known !== undefined) return new NetError(known[0], host, known[1], { cause: error });
  const tls = tlsFailure(code);
  if (tls !== undefined) {
    return new NetError('tls', host, tls.message, { cause: error, hint: tls.hint, tls: tls.trouble });
  }
  if (code === 'ERR_PROXY_TUNNEL') return tunnelFailure(error, host);
  if (code.startsWith('HPE_'))
    return new NetError('protocol', host, 'what answers does not speak HTTP', { cause: error });
  return error;
}

function tunnelFailure(cause: Error & { statusCode?: unknown }, host: string): NetError {
  const { statusCode } = cause;
  if (typeof statusCode !== 'number' || Number.isNaN(statusCode))
    return new NetError('reset', host, 'the proxy gives no connection', { cause });
  return proxyRefusal(statusCode, host, cause);
}

/** RFC 9110 sections 9.3.6 (CONNECT) and 15.5.8 (407). */
export function proxyRefusal(status: number, host: string, cause?: unknown): NetError {
  if (status >= 500)
    return new NetError('refused', host, `the proxy does not reach it (${status})`, { cause });
  if (status !== 407)
    return new NetError('proxy', host, `the proxy does not let it through (${status})`, { cause });
  return new NetError('proxy', host, 'the proxy wants a user and password, or others (407)', {
    cause,
    hint: 'Write them into the variable: HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT.',
  });
}
