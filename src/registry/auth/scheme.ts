import { DogwoodError } from '../../errors.ts';
import { hostName, isLoopback } from '../../net/host-name.ts';
import type { HostPolicy } from '../http/hosts.ts';
import type { Challenge } from './challenge.ts';

/** How a registry wants to know who asks. */
export type Scheme = { readonly kind: 'none' } | { readonly kind: 'basic' } | BearerScheme;

export interface BearerScheme {
  readonly kind: 'bearer';
  readonly realm: URL;
  /** The registry, where it was found. */
  readonly base: URL;
  readonly service: string | undefined;
}

/**
 * Bearer before basic: a registry that offers both wants the token. Schemes that we do not speak (Negotiate, Digest) are
 * left out.
 *
 * @throws REGISTRY_PROTOCOL for a token server that may not see credentials
 */
export function chooseScheme(
  registry: string,
  base: URL,
  challenges: readonly Challenge[],
  hosts: HostPolicy,
): Scheme {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer !== undefined) {
    const realm = checkedRealm(registry, base, bearer.parameters.get('realm') ?? '', hosts);
    return { kind: 'bearer', realm, base, service: bearer.parameters.get('service') };
  }
  return { kind: challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : 'none' };
}

/**
 * The registry chooses its token server, and whoever can change its answer chooses it too (CVE-2026-48978):
 * - a realm without TLS only where plain HTTP is allowed at all;
 * - a registry that was itself reached without TLS may name only its own host, or be on loopback.
 * Which addresses a realm may resolve to is the outbound guard's matter (`lookup` of the HTTP client).
 */
function checkedRealm(registry: string, base: URL, text: string, hosts: HostPolicy): URL {
  const realm = URL.parse(text, base.href);
  const refuse = (why: string) =>
    new DogwoodError(
      'REGISTRY_PROTOCOL',
      `${registry} names a token server ${why}; no credentials are sent there`,
    );
  if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) {
    throw refuse('that is no HTTP address');
  }
  if (realm.protocol === 'http:' && !hosts.mayBePlain(realm.host))
    throw refuse(`without TLS (${realm.host})`);
  const tampered = base.protocol === 'http:' && !isLoopback(hostName(base.host));
  if (tampered && realm.hostname !== base.hostname) {
    throw refuse(`on another host (${realm.host}) over a connection without TLS`);
  }
  realm.username = '';
  realm.password = '';
  realm.hash = '';
  return realm;
}
