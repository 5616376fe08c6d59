/** First and last byte, counted from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The one part of `size` bytes that a `Range` asks for (RFC 9110 section 14.2). Undefined where all is to be sent:
 * without the header, with one that cannot be read, in another unit, or of several parts, each of which may be
 * ignored. `unsatisfiable` where nothing of it is there.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  // `5-2` says nothing; the conformance program of distribution-spec wants it rejected, which RFC 9110 allows too.
  return first > last ? 'unsatisfiable' : { first, last };
}

/** Does `If-None-Match` name this entity (RFC 9110 section 13.1.2)? Weak tags compare like strong ones. */
export function matchesAny(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
