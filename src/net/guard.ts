import type { LookupAddress, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { bareAddress } from './address.ts';
import { createJudge, type GuardPolicy, type Judge, type Trip } from './judge.ts';

const dns = () => process.getBuiltinModule('node:dns');

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

export interface GuardOptions {
  readonly policy: GuardPolicy;
  /** Hosts, `host:port`, addresses, networks; see `createAllowList`. */
  readonly allow?: readonly string[] | undefined;
  /** Replaces the system's name resolution. */
  readonly lookup?: LookupFunction | undefined;
  /** Milliseconds that are spent on resolving a name which the proxy is going to resolve anyway. Default 1 s. */
  readonly preview?: number | undefined;
}

/** @throws CONFIG_INVALID for an allow-list that cannot be read */
export function createGuard(options: GuardOptions): Guard {
  const judge = createJudge(options.policy, options.allow ?? []);
  const resolve: LookupFunction = options.lookup ?? ((...call) => dns().lookup(...call));

  const lookup = (trip: Trip): LookupFunction => {
    return (hostname, lookupOptions, callback) => {
      resolve(hostname, { ...lookupOptions, all: true }, (error, answer, family) => {
        if (error !== null) return callback(error, '', 0);
        const addresses = typeof answer === 'string' ? [{ address: answer, family: family ?? 4 }] : answer;
        const { admitted, refusal } = sift(judge, trip, addresses);
        if (admitted.length === 0 && refusal !== undefined) return callback(refusal, '', 0);
        return answerLookup(lookupOptions, admitted, callback);
      });
    };
  };

  /**
   * What the proxy will find is looked for here too; it may take any of the addresses. A machine behind a proxy often
   * has no name server for the outside: no answer, and none in time, forbids nothing.
   */
  const preview = (trip: Trip): Promise<void> =>
    new Promise((done, fail) => {
      const timer = setTimeout(done, options.preview ?? 1_000);
      resolve(trip.url.hostname, { all: true }, (error, answer) => {
        clearTimeout(timer);
        const addresses = error !== null || typeof answer === 'string' ? [] : answer;
        const { refusal } = sift(judge, trip, addresses);
        if (refusal === undefined) done();
        else fail(refusal);
      });
    });

  return {
    lookup,
    async admit(trip) {
      const address = bareAddress(trip.url.hostname);
      if (address !== undefined) return judge.address(trip, address);
      if (!trip.proxied || (options.policy === 'user' && trip.referrer === undefined)) return;
      if (judge.allowsHost(trip.url)) return;
      judge.name(trip);
      await preview(trip);
    },
    arrived(trip, remoteAddress) {
      if (trip.proxied || remoteAddress === undefined) return;
      judge.address(trip, remoteAddress);
      judge.reached(trip.url, remoteAddress);
    },
  };
}

/** The addresses that may be reached, and why the others may not. */
function sift(judge: Judge, trip: Trip, addresses: readonly LookupAddress[]) {
  const admitted: LookupAddress[] = [];
  let refusal: Error | undefined;
  for (const one of addresses) {
    try {
      judge.address(trip, one.address);
      admitted.push(one);
    } catch (refused) {
      if (!(refused instanceof Error)) throw refused;
      refusal = refused;
    }
  }
  return { admitted, refusal };
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
