import { DogwoodError } from '../errors.ts';
import { bareAddress, inNetworks, networks } from './address.ts';

/** What may be reached although the guard would not let it. */
export interface AllowList {
  /** A host of this name (or address) and port, wherever it may be. */
  hasHost(name: string, port: number): boolean;
  hasAddress(address: string): boolean;
}

interface HostEntry {
  readonly name: string;
  readonly port: number | undefined;
}

/**
 * Reads `name`, `name:port`, addresses in numbers (IPv6 in brackets when a port follows) and networks (`10.0.0.0/8`).
 * A name allows what it resolves to.
 *
 * @throws CONFIG_INVALID for what is none of these
 */
export function createAllowList(entries: readonly string[]): AllowList {
  if (entries.length === 0) return { hasHost: () => false, hasAddress: () => false };
  const cidrs = entries.filter((entry) => entry.includes('/')).map(checkedNetwork);
  const hosts = entries.filter((entry) => !entry.includes('/')).map(hostEntry);
  const list = networks(cidrs);
  return {
    hasHost(name, port) {
      const wanted = canonicalName(name);
      return hosts.some((host) => host.name === wanted && (host.port === undefined || host.port === port));
    },
    hasAddress(text) {
      const address = bareAddress(text);
      return address !== undefined && inNetworks(list, address);
    },
  };
}

/** A name as names are compared: without the root's dot (RFC 1034 section 3.1), brackets and capitals. */
export function canonicalName(name: string): string {
  return (bareAddress(name) ?? name).toLowerCase().replace(/\.$/, '');
}

/** Throws CONFIG_INVALID where it is no network. */
export function checkedNetwork(text: string): string {
  const [address = '', bits = '', more] = text.split('/');
  const bare = bareAddress(address);
  const most = bare?.includes(':') ? 128 : 32;
  if (bare === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > most || more !== undefined) {
    throw new DogwoodError('CONFIG_INVALID', `not a network such as 10.0.0.0/8: ${text.slice(0, 100)}`);
  }
  return `${bare}/${bits}`;
}

function hostEntry(text: string): HostEntry {
  const address = bareAddress(text);
  if (address !== undefined) return { name: canonicalName(address), port: undefined };
  const [, name = '', port] = /^([^:]+|\[[^\]]+\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  const known = name.startsWith('[') ? bareAddress(name) !== undefined : /^[\w.-]+$/.test(name);
  if (!known || Number(port ?? 1) > 65_535) {
    throw new DogwoodError('CONFIG_INVALID', `not a host, HOST:PORT or network: ${text.slice(0, 100)}`);
  }
  return { name: canonicalName(name), port: port === undefined ? undefined : Number(port) };
}
