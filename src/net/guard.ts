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
  /**
   * Resolves, checks every address and hands on those that passed: a second answer of the name server counts for
   * nothing.
   */
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

/** Addresses whose kind is remembered; beyond that each is looked up. */
const MAX_KNOWN = 1_000;

/** @throws CONFIG_INVALID for an allow-list that cannot be read */
export function createGuard(options: GuardOptions): Guard {
  const allow = createAllowList(options.allow ?? []);
  const resolve: LookupFunction = options.lookup ?? ((...call) => dns().lookup(...call));
  const reached = new Map<string, Set<AddressKind>>();
  // To look an address up in the lists takes 30 us, and every request has one.
  const known = new Map<string, AddressKind>();
  const kindAt = (address: string): AddressKind => {
    const kind = known.get(address) ?? addressKind(address) ?? 'reserved';
    if (known.size < MAX_KNOWN) known.set(address, kind);
    return kind;
  };

  const kindOf = ({ origin, hostname }: URL): AddressKind =>
    STRICTEST.find((kind) => reached.get(origin)?.has(kind)) ?? addressKind(hostname) ?? 'public';

  const isAllowed = (trip: Trip, address: string | undefined): boolean =>
    allow.hasHost(trip.url.hostname, portOf(trip.url)) ||
    (address !== undefined && allow.hasAddress(address));

  const check = (trip: Trip, address: string): void => {
    const kind = kindAt(address);
    if (kind === 'public' || isAllowed(trip, address)) return;
    refuseKind(trip, kind);
  };

  const refuseKind = (trip: Trip, kind: AddressKind): void => {
    const { url, referrer } = trip;
    if (options.policy === 'public') {
      throw new NetError('blocked', url.host, 'is at no public address, and others are not reached');
    }
    if (referrer === undefined || MAY_LEAD_TO[kindOf(referrer)].includes(kind)) return;
    // Some names are at a public and at a private address: which one it is changes with every connection.
    if (referrer.origin === url.origin && reached.get(url.origin)?.has(kind)) return;
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
        const refusals: unknown[] = [];
        const admitted = addresses.filter(({ address }) => {
          try {
            check(trip, address);
            return true;
          } catch (refused) {
            refusals.push(refused);
            return false;
          }
        });
        const [refused] = refusals;
        if (admitted.length === 0 && refused instanceof Error) return callback(refused, '', 0);
        return answerLookup(lookupOptions, admitted, callback);
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
      const { origin } = trip.url;
      const kinds = reached.get(origin) ?? new Set();
      reached.set(origin, kinds.add(kindAt(remoteAddress)));
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
