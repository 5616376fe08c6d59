import { DogwoodError } from '../../errors.ts';

/** Where a Docker Engine listens. */
export type DockerAddress =
  | { readonly socketPath: string }
  | { readonly protocol: 'http' | 'https'; readonly host: string; readonly port: number };

const DEFAULT_SOCKET = '/var/run/docker.sock';

/**
 * Reads $DOCKER_HOST: `unix:///path`, `tcp://host[:port]`, `http://` or `https://`; undefined or empty is the
 * default socket. Throws USAGE for anything else (ssh and npipe are not spoken here).
 */
export function parseDockerHost(text: string | undefined): DockerAddress {
  if (text === undefined || text === '') return { socketPath: DEFAULT_SOCKET };
  if (text.startsWith('unix://')) return { socketPath: text.slice('unix://'.length) || DEFAULT_SOCKET };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocol = url?.protocol;
  if (url === undefined || url.hostname === '' || !['tcp:', 'http:', 'https:'].includes(protocol ?? '')) {
    throw new DogwoodError('USAGE', 'DOCKER_HOST is no address of a Docker Engine', {
      hint: 'Write it as unix:///var/run/docker.sock or tcp://127.0.0.1:2375.',
    });
  }
  // 2375 and 2376 are the ports that IANA lists for Docker, plain and TLS.
  const secure = protocol === 'https:' || url.port === '2376';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    protocol: secure ? 'https' : 'http',
    host,
    port: url.port === '' ? (secure ? 2376 : 2375) : Number(url.port),
  };
}

/** The address as a message names it. */
export function describeAddress(address: DockerAddress): string {
  if ('socketPath' in address) return `unix://${address.socketPath}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.protocol === 'https' ? 'https' : 'tcp'}://${host}:${address.port}`;
}
