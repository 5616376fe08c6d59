import { hostName, isLoopback } from '../../net/host-name.ts';

/** Which registries may be spoken to without TLS. */
export interface HostPolicy {
  /** True for loopback, and for hosts the user named. `host` is a name or address with its port, if it has one. */
  mayBePlain(host: string): boolean;
}

/**
 * Loopback addresses and the named hosts may be plain; nothing else is, not even when it asks for it.
 *
 * @param insecureHosts `name`, or `name:port` for that port only
 */
export function createHostPolicy(insecureHosts: readonly string[] = []): HostPolicy {
  const named = new Set(insecureHosts.map((host) => host.toLowerCase()));
  return {
    mayBePlain(host) {
      const lower = host.toLowerCase();
      return named.has(lower) || named.has(hostName(lower)) || isLoopback(hostName(lower));
    },
  };
}
