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

/** The host without its port. */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** RFC 6761 section 6.3, RFC 1122 section 3.2.1.3 (127/8), RFC 4291 section 2.5.3. */
export function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}
