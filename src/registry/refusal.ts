import { DogwoodError, type ErrorCode } from '../errors.ts';
import type { HttpResponse } from '../net/http.ts';
import { NetError, type NetErrorKind } from '../net/net-error.ts';
import { header, readSome } from './body.ts';
import { parseRetryAfter } from './retry.ts';

/** As much of an error answer as is read. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE = 300;

interface RegistryFault {
  readonly code: string;
  readonly message: string;
}

/** Codes of distribution-spec ("Error Codes") and Docker that say more than the status they come with. */
const BY_CODE: ReadonlyMap<string, ErrorCode> = new Map([
  ['BLOB_UNKNOWN', 'BLOB_NOT_FOUND'],
  ['MANIFEST_BLOB_UNKNOWN', 'BLOB_NOT_FOUND'],
  ['MANIFEST_UNKNOWN', 'IMAGE_NOT_FOUND'],
  ['NAME_UNKNOWN', 'IMAGE_NOT_FOUND'],
  ['DIGEST_INVALID', 'DIGEST_MISMATCH'],
  ['SIZE_INVALID', 'SIZE_MISMATCH'],
  ['TOOMANYREQUESTS', 'REGISTRY_RATE_LIMITED'],
  ['UNAUTHORIZED', 'REGISTRY_UNAUTHORIZED'],
  ['DENIED', 'REGISTRY_DENIED'],
]);

function byStatus(status: number): ErrorCode {
  if (status === 401) return 'REGISTRY_UNAUTHORIZED';
  if (status === 403) return 'REGISTRY_DENIED';
  if (status === 404) return 'IMAGE_NOT_FOUND';
  if (status === 408 || status >= 500) return 'REGISTRY_UNAVAILABLE';
  if (status === 429) return 'REGISTRY_RATE_LIMITED';
  return status >= 400 ? 'REGISTRY_REFUSED' : 'REGISTRY_PROTOCOL';
}

/**
 * The error that an answer deserves which is not the one hoped for. Reads (and ends) its body.
 *
 * @param what the registry and what was asked of it, for the message
 * @param now milliseconds since 1970, for a `Retry-After` given as a date
 */
export async function refusal(response: HttpResponse, what: string, now: number): Promise<DogwoodError> {
  const text = await readSome(response, MAX_ERROR_BYTES);
  const { status } = response;
  const faults = faultsOf(text);
  const isHtml = (header(response, 'content-type') ?? '').includes('html') || /^\s*</.test(text);
  let code = byStatus(status);
  const own =
    status >= 400 && status < 500 && status !== 429 ? BY_CODE.get(faults[0]?.code ?? '') : undefined;
  if (own !== undefined) code = own;
  else if (isHtml && (code === 'IMAGE_NOT_FOUND' || code === 'REGISTRY_REFUSED')) code = 'REGISTRY_PROTOCOL';
  const said = faults.length > 0 ? faults.map(sayFault).join('; ') : isHtml ? 'a web page' : text;
  const retryAfter = parseRetryAfter(header(response, 'retry-after'), now);
  return new DogwoodError(code, `${what}: ${status}${said.trim() === '' ? '' : ` ${printable(said)}`}`, {
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
  }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function sayFault(fault: RegistryFault): string {
  return [fault.code, fault.message].filter((part) => part !== '').join(': ');
}

/** On one line, without what a terminal would act on. */
function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line;
}
