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
