import { type AddressKind, addressKind } from './address.ts';
import { canonicalName, createAllowList } from './allow-list.ts';
import { NetError } from './net-error.ts';

/** A request on its way. */
export interface Trip {
  readonly url: URL;
  /** The address whose answer named `url`; undefined where the user named it himself. */
  readonly referrer: URL | undefined;
  /** Through a proxy, which resolves names by itself. */
  readonly proxied: boolean;
}

/**
 * `user`    it is his machine: what he named is reached wherever it is; what a server named (a token server, a
 *           redirect, an upload's Location) may not be closer to him than that server is
 * `public`  other people's input: nothing but public addresses, whoever named them
 *
 * In both the allow-list comes first.
 */
export type GuardPolicy = 'user' | 'public';

/** Says of addresses whether they may be reached. Everything throws NetError (`blocked`) for what may not. */
export interface Judge {
  address(trip: Trip, address: string): void;
  /** For names that somebody else resolves: what can be told by the name itself. */
  name(trip: Trip): void;
  /** The allow-list has the host, wherever it is. */
  allowsHost(url: URL): boolean;
  /** Remembers where a host was found. */
  reached(url: URL, address: string): void;
}

/**
 * Where what is found at an address may lead (CVE-2026-48978, google/go-containerregistry#2193 and #2440): outwards,
 * or to its equals, never further in.
 */
const MAY_LEAD_TO: Readonly<Record<AddressKind, readonly AddressKind[]>> = {
  public: ['public'],
  reserved: ['public'],
  metadata: ['public'],
  'link-local': ['public', 'private', 'link-local'],
  private: ['public', 'private'],
  loopback: ['public', 'private', 'loopback'],
};

/** What a host that was found at several addresses counts as: the one that may lead to least. */
const STRICTEST: readonly AddressKind[] = [
  'public',
  'reserved',
  'metadata',
  'link-local',
  'private',
  'loopback',
];

/** Addresses whose kind is remembered; beyond that each is looked up. */
const MAX_KNOWN = 1_000;

/** @throws CONFIG_INVALID for an allow-list that cannot be read */
export function createJudge(policy: GuardPolicy, allowed: readonly string[]): Judge {
  const allow = createAllowList(allowed);
  const found = new Map<string, Set<AddressKind>>();
  const kindAt = rememberKinds();

  const kindOf = ({ origin, hostname }: URL): AddressKind =>
    STRICTEST.find((kind) => found.get(origin)?.has(kind)) ?? addressKind(hostname) ?? 'public';

  const refuse = ({ url, referrer }: Trip, kind: AddressKind): void => {
    if (policy === 'public') {
      throw new NetError('blocked', url.host, 'is at no public address, and others are not reached');
    }
    if (referrer === undefined || MAY_LEAD_TO[kindOf(referrer)].includes(kind)) return;
    // Some names are at a public and at a private address: which one it is changes with every connection.
    if (referrer.origin === url.origin && found.get(url.origin)?.has(kind)) return;
    throw new NetError(
      'blocked',
      url.host,
      `${referrer.host} leads here, to a ${kind} address: a server may not lead closer to you than it is`,
    );
  };

  const allowsHost = (url: URL) => allow.hasHost(url.hostname, portOf(url));
  return {
    allowsHost,
    address(trip, address) {
      const at = kindAt(address);
      if (at !== 'public' && !allowsHost(trip.url) && !allow.hasAddress(address)) refuse(trip, at);
    },
    name(trip) {
      if (isInnerName(trip.url.hostname)) refuse(trip, 'private');
    },
    reached({ origin }, address) {
      const kinds = found.get(origin) ?? new Set();
      found.set(origin, kinds.add(kindAt(address)));
    },
  };
}

/** To look an address up in the lists takes 30 us, and every request has one. */
function rememberKinds(): (address: string) => AddressKind {
  const known = new Map<string, AddressKind>();
  return (address) => {
    const kind = known.get(address) ?? addressKind(address) ?? 'reserved';
    if (known.size < MAX_KNOWN) known.set(address, kind);
    return kind;
  };
}

/** Names that no public name server answers for (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal), and lone words. */
function isInnerName(hostname: string): boolean {
  const name = canonicalName(hostname);
  return !name.includes('.') || /\.(?:localhost|local|internal|home\.arpa|lan)$/.test(name);
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
