import { NetError } from './net-error.ts';

/** A chain longer than this is a loop. */
export const MAX_REDIRECTS = 10;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/**
 * Where a `Location` leads, resolved against the address that gave it (RFC 9110 section 10.2.2).
 *
 * An https address never leads to http: on the same host the scheme is put right (registries behind a TLS proxy
 * write what they see, distribution#970), anywhere else the redirect is refused with a NetError (`protocol`).
 */
export function locationTarget(location: string | undefined, from: URL): URL {
  const target = location === undefined || location === '' ? null : URL.parse(location, from.href);
  if (target === null) throw new NetError('protocol', from.host, 'redirects to nowhere (no valid Location)');
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw new NetError('protocol', from.host, `redirects to ${target.protocol}, which is not HTTP`);
  target.hash = '';
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    if (target.hostname !== from.hostname)
      throw new NetError('protocol', from.host, `redirects from https to plain http at ${target.host}`);
    target.protocol = 'https:';
    // `http://host:80` and a missing port both mean "where I was asked", not port 80 with TLS.
    if (target.port === '' || target.port === '80') target.port = from.port;
  }
  return target;
}
