import type { PublishTarget } from '../../builders/builder.ts';
import { namesOf } from '../../net/certificates.ts';
import { hostName, isLoopback } from '../../net/host-name.ts';
import type { NetworkSettings } from '../../net/settings.ts';
import { formatReference, registryHost } from '../../oci/reference.ts';
import { createHostPolicy } from '../../registry/http/hosts.ts';
import type { Place } from './place.ts';

/**
 * Hosts that the registry clients of engines speak plain HTTP to without being asked (go-containerregistry,
 * `Registry.Scheme`): RFC 1918 addresses and .local names. We do not, and so nobody does for us.
 */
const PLAIN_UNASKED = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|\.local$/;

/** What an engine that pushes by itself is told of a build's only place; undefined when it may not push there. */
export function publishTarget(
  place: Place | undefined,
  insecureRegistries: readonly string[],
  hosts: NetworkSettings['hosts'],
): PublishTarget | undefined {
  if (place?.kind !== 'registry') return undefined;
  const { registry, repository } = place.reference;
  const host = registryHost(registry);
  // Certificates that only our config file names are none of the engine's.
  const names = namesOf(new URL(`https://${host}/`));
  if (names.some((name) => hosts[name]?.cert !== undefined || (hosts[name]?.ca ?? []).length > 0)) {
    return undefined;
  }
  const loopback = isLoopback(hostName(host));
  const insecure = !loopback && createHostPolicy(insecureRegistries).mayBePlain(host);
  if (!insecure && PLAIN_UNASKED.test(hostName(host))) return undefined;
  return { reference: formatReference({ registry, repository, tag: place.tag }), insecure, loopback };
}
