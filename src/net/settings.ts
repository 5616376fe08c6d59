/** What a user says of one registry host. */
export interface HostSettings {
  /** PEM files of authorities that are trusted for this host, beside all others. */
  readonly ca: readonly string[];
  /** PEM files to show to a host that asks for a client certificate: both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** How the network is used: from the environment, the config file and the machine's folders. */
export interface NetworkSettings {
  /** The environment's proxy variables, by name; see `createProxies`. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** By `name` (for every port) or `name:port`. */
  readonly hosts: Readonly<Record<string, HostSettings>>;
  /** Folders like /etc/docker/certs.d, the first to look in first. */
  readonly certificateFolders: readonly string[];
  /** What servers may lead to although it is closer to the user than they are; see `createAllowList`. */
  readonly allow: readonly string[];
}

/** Straight to everything, trusting whom Node trusts. */
export const PLAIN_NETWORK: NetworkSettings = { variables: {}, hosts: {}, certificateFolders: [], allow: [] };

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** Of an environment, the variables that `createProxies` reads. */
export function proxyVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(PROXY_VARIABLES.map((name) => [name, environment[name]]));
}
