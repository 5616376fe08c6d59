import { DogwoodError, type ErrorCode } from '../../errors.ts';
import type { HttpResponse } from '../../net/http.ts';
import { NetError, type NetErrorKind } from '../../net/net-error.ts';
import { clientCertificateRefusal } from '../../net/tls-failure.ts';
import { header, readSome } from './body.ts';
import { printable } from './printable.ts';
import { RegistryAnswer, type RegistryFault, refusalCode } from './refusal-code.ts';
import { parseRetryAfter } from './retry.ts';

/** As much of an error answer as is read. */
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * The error that an answer deserves which is not the one hoped for. Reads (and ends) its body.
 *
 * @param what the registry and what was asked of it, for the message
 * @param now milliseconds since 1970, for a `Retry-After` given as a date
 * @param movesTag a manifest was to be put under a tag
 * @returns an error whose cause is a RegistryAnswer
 */
export async function refusal(
  response: HttpResponse,
  what: string,
  now: number,
  movesTag = false,
): Promise<DogwoodError> {
  const text = await readSome(response, MAX_ERROR_BYTES);
  const { status } = response;
  const certificate = status === 400 ? clientCertificateRefusal(text) : undefined;
  if (certificate !== undefined) {
    return new DogwoodError('REGISTRY_TLS', `${what}: ${certificate.message}`, { hint: certificate.hint });
  }
  const faults = faultsOf(text);
  const type = header(response, 'content-type') ?? '';
  const isHtml = type.includes('html') || /^\s*</.test(text);
  const said = faults.length > 0 ? faults.map(sayFault).join('; ') : isHtml ? 'a web page' : text;
  const retryAfter = parseRetryAfter(header(response, 'retry-after'), now);
  const isBroken = response.body.errored !== null || (type.includes('json') && isNoJson(text));
  const code = refusalCode({ status, faults, said, isHtml, isBroken, movesTag });
  return new DogwoodError(code, `${what}: ${status}${said.trim() === '' ? '' : ` ${printable(said)}`}`, {
    cause: new RegistryAnswer(status, faults),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

/** A failed connection as the error of the table. Other errors come back as they are. */
export function connectionFailure(error: unknown, what: string): unknown {
  if (!(error instanceof NetError)) return error;
  const code = BY_KIND[error.kind];
  const { hint } = error;
  return new DogwoodError(code, `${what}: ${error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

const BY_KIND: Readonly<Record<NetErrorKind, ErrorCode>> = {
  unresolved: 'REGISTRY_UNREACHABLE',
  refused: 'REGISTRY_UNREACHABLE',
  reset: 'REGISTRY_UNREACHABLE',
  timeout: 'REGISTRY_UNREACHABLE',
  tls: 'REGISTRY_TLS',
  'not-tls': 'REGISTRY_TLS',
  protocol: 'REGISTRY_PROTOCOL',
  blocked: 'OUTBOUND_BLOCKED',
  proxy: 'PROXY_REFUSED',
};

/** distribution-spec, "Error Codes": `{"errors": [{"code", "message", "detail"}]}`. */
function faultsOf(text: string): readonly RegistryFault[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const errors = isRecord(value) && Array.isArray(value.errors) ? value.errors : [];
  return errors.filter(isRecord).map((error) => ({
    code: typeof error.code === 'string' ? error.code.toUpperCase() : '',
    message: typeof error.message === 'string' ? error.message : '',
    detail: error.detail,
  }));
}

function isNoJson(text: string): boolean {
  if (text === '') return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function sayFault(fault: RegistryFault): string {
  return [fault.code, fault.message].filter((part) => part !== '').join(': ');
}
