import type { LookupAddress, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { type AddressKind, addressKind, bareAddress } from './address.ts';
import { canonicalName, createAllowList } from './allow-list.ts';
import { NetError } from './net-error.ts';

const dns = () => process.getBuiltinModule('node:dns');

/** A request on its way. */
export interface Trip {
  readonly url: URL;
  /** The address whose answer named `url`; undefined where the user named it himself. */
  readonly referrer: URL | undefined;
  /** Through a proxy, which resolves names by itself. */
  readonly proxied: boolean;
}

/**
 * Decides which addresses may be reached. Asked before a connection is made, for what its name resolves to, and once
 * more when it stands (a connection that is used again was made for somebody else).
 */
export interface Guard {
  /** Throws NetError (`blocked`) for what can be told without a connection. */
  admit(trip: Trip): Promise<void>;
  /** Resolves, checks every address and hands on those that were checked: a second answer of the name server counts for nothing. */
  lookup(trip: Trip): LookupFunction;
  /** Throws NetError (`blocked`); remembers where the host was found. */
  arrived(trip: Trip, remoteAddress: string | undefined): void;
}

/**
 * `user`    it is his machine: what he named is reached wherever it is; what a server named (a token server, a
 *           redirect, an upload's Location) may not be closer to him than that server is
 * `public`  other people's input: nothing but public addresses, whoever named them
 *
 * In both the allow-list comes first.
 */
export type GuardPolicy = 'user' | 'public';

export interface GuardOptions {
  readonly policy: GuardPolicy;
  /** Hosts, `host:port`, addresses, networks; see `createAllowList`. */
  readonly allow?: readonly string[] | undefined;
  /** Replaces the system's name resolution. */
  readonly lookup?: LookupFunction | undefined;
  /** Milliseconds that are spent on resolving a name which the proxy is going to resolve anyway. Default 1 s. */
  readonly preview?: number | undefined;
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

/** @throws CONFIG_INVALID for an allow-list that cannot be read */
export function createGuard(options: GuardOptions): Guard {
  const allow = createAllowList(options.allow ?? []);
  const resolve: LookupFunction = options.lookup ?? ((...call) => dns().lookup(...call));
  const found = new Map<string, AddressKind>();

  const kindOf = (url: URL): AddressKind => found.get(url.origin) ?? addressKind(url.hostname) ?? 'public';

  const isAllowed = (trip: Trip, address: string | undefined): boolean =>
    allow.hasHost(trip.url.hostname, portOf(trip.url)) ||
    (address !== undefined && allow.hasAddress(address));

  const check = (trip: Trip, address: string): void => {
    const kind = addressKind(address) ?? 'reserved';
    if (kind === 'public' || isAllowed(trip, address)) return;
    refuseKind(trip, kind);
  };

  const refuseKind = (trip: Trip, kind: AddressKind): void => {
    const { url, referrer } = trip;
    if (options.policy === 'public') {
      throw new NetError('blocked', url.host, 'is at no public address, and others are not reached');
    }
    if (referrer === undefined || MAY_LEAD_TO[kindOf(referrer)].includes(kind)) return;
    throw new NetError(
      'blocked',
      url.host,
      `${referrer.host} leads here, to a ${kind} address: a server may not lead closer to you than it is`,
    );
  };

  const lookup = (trip: Trip): LookupFunction => {
    return (hostname, lookupOptions, callback) => {
      resolve(hostname, { ...lookupOptions, all: true }, (error, answer, family) => {
        if (error !== null) return callback(error, '', 0);
        const addresses = typeof answer === 'string' ? [{ address: answer, family: family ?? 4 }] : answer;
        try {
          for (const { address } of addresses) check(trip, address);
        } catch (refused) {
          return callback(refused as NetError, '', 0);
        }
        return answerLookup(lookupOptions, addresses, callback);
      });
    };
  };

  return {
    lookup,
    async admit(trip) {
      const address = bareAddress(trip.url.hostname);
      if (address !== undefined) return check(trip, address);
      if (!trip.proxied || (options.policy === 'user' && trip.referrer === undefined)) return;
      if (isAllowed(trip, undefined)) return;
      if (isInnerName(trip.url.hostname)) refuseKind(trip, 'private');
      await preview(lookup(trip), trip.url.hostname, options.preview ?? 1_000);
    },
    arrived(trip, remoteAddress) {
      if (trip.proxied || remoteAddress === undefined) return;
      check(trip, remoteAddress);
      const kinds = [addressKind(remoteAddress) ?? 'public', found.get(trip.url.origin)];
      found.set(trip.url.origin, STRICTEST.find((kind) => kinds.includes(kind)) ?? 'public');
    },
  };
}

function answerLookup(
  options: LookupOptions,
  addresses: readonly LookupAddress[],
  callback: Parameters<LookupFunction>[2],
): void {
  const [first] = addresses;
  if (options.all || first === undefined) callback(null, [...addresses]);
  else callback(null, first.address, first.family);
}

/** Names that no public name server answers for (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal), and lone words. */
function isInnerName(hostname: string): boolean {
  const name = canonicalName(hostname);
  return !name.includes('.') || /\.(?:localhost|local|internal|home\.arpa|lan)$/.test(name);
}

/**
 * What the proxy will find is looked for here too. A machine behind a proxy often has no name server for the outside:
 * no answer, and none in time, forbids nothing.
 */
function preview(lookup: LookupFunction, hostname: string, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    lookup(hostname, { all: true }, (error) => {
      clearTimeout(timer);
      if (error instanceof NetError) reject(error);
      else resolve();
    });
  });
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
