import type { Readable } from 'node:stream';

/** What a request is answered with. A HEAD gets the same without the body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is opened before anything is sent, so that what cannot be read is an answer of its own. */
  readonly body?: Uint8Array | { readonly open: () => Promise<Readable> } | undefined;
}

/** Codes of distribution-spec ("Error Codes"), and those that Docker added to them. */
export type FaultCode =
  | 'BLOB_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** An error document (distribution-spec, "Error Codes"). */
export function fault(
  status: number,
  code: FaultCode,
  message: string,
  { detail, headers = {} }: { detail?: unknown; headers?: Readonly<Record<string, string>> } = {},
): Answer {
  const error = { code, message, ...(detail === undefined ? {} : { detail }) };
  return { ...jsonAnswer({ errors: [error] }, 'application/json', headers), status };
}

export function jsonAnswer(
  document: unknown,
  mediaType: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = Buffer.from(JSON.stringify(document));
  return {
    status: 200,
    headers: { 'content-type': mediaType, 'content-length': `${body.length}`, ...headers },
    body,
  };
}
