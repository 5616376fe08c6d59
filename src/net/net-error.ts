/**
 * How a connection failed, before any HTTP status could say more.
 *
 * `not-tls`: what answered a TLS greeting does not speak TLS (a plain HTTP server does that).
 * `blocked`: the outbound guard refused the address.
 */
export type NetErrorKind =
  | 'unresolved'
  | 'refused'
  | 'reset'
  | 'timeout'
  | 'tls'
  | 'not-tls'
  | 'blocked'
  | 'protocol';

/** What `net` throws. Callers turn it into the DogwoodError that fits what they were doing. */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly kind: NetErrorKind;
  /** Host and port. The path and query stay out of messages: a presigned address is a secret. */
  readonly host: string;

  constructor(kind: NetErrorKind, host: string, message: string, cause?: unknown) {
    super(`${host}: ${message}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.host = host;
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
]);

/** Certificate checks of Node and OpenSSL: `CERT_HAS_EXPIRED`, `SELF_SIGNED_CERT_IN_CHAIN`, `UNABLE_TO_VERIFY_...`. */
const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Any error of node:http, node:tls or node:net as a NetError. What is no such error comes back as it is. */
export function asNetError(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || error instanceof NetError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const known = KINDS.get(code);
  if (known !== undefined) return new NetError(known[0], host, known[1], error);
  if (TLS_CODE.test(code))
    return new NetError('tls', host, `the certificate is not trusted (${code})`, error);
  if (code.startsWith('HPE_'))
    return new NetError('protocol', host, 'what answers does not speak HTTP', error);
  return error;
}
