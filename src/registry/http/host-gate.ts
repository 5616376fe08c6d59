import type { Logger } from '../../log.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../net/http.ts';
import { header } from './body.ts';
import { parseRetryAfter, type RetryPolicy } from './retry.ts';
import { createSlots, type Slots } from './slots.ts';

/**
 * Requests on their way at once: registries throttle who asks for more, and other clients ask for 3 to 6. A request is
 * on its way until its answer begins; bodies of answers come as fast as they are read, and who reads many at once
 * (`copy`) has a limit of its own. Requests with a body have slots of their own: what they send may be read from the
 * same host, and must not wait for itself.
 */
const REQUESTS_PER_HOST = 4;
/** Over all hosts, again for requests with and without a body: several regions go on at once. */
const REQUESTS_IN_ALL = 32;

/** Where a registry says 429 and not for how long: so many times the first delay of a retry, doubled each time in a row. */
const OWN_PAUSE = 4;
/** Milliseconds. */
const MAX_OWN_PAUSE = 30_000;
/** Milliseconds from which people are told. */
const LONG_PAUSE = 5_000;

export interface HostGateOptions {
  readonly http: HttpClient;
  readonly retry: RetryPolicy;
  readonly logger: Logger;
  /** Hears of every answer. */
  readonly onAnswer?: ((host: string, response: HttpResponse) => void) | undefined;
  /** Hears of a pause that people would wonder about, in milliseconds. */
  readonly onPause?: ((host: string, milliseconds: number) => void) | undefined;
}

/**
 * An HTTP client that treats each host with consideration: a few requests at a time, and none at all while it asks to
 * be left alone (429 and 503 with `Retry-After`, RFC 9110 section 10.2.3), whichever request it told so.
 */
export function createHostGate(options: HostGateOptions): HttpClient {
  const { http, retry, onAnswer } = options;
  const all = createKinds(REQUESTS_IN_ALL);
  const hosts = new Map<string, Host>();
  const hostOf = (name: string): Host => {
    const known = hosts.get(name) ?? createHost(name, options);
    hosts.set(name, known);
    return known;
  };
  return {
    async request(request) {
      const host = hostOf(request.url.host);
      const leave = await enter(request, host, all, retry);
      try {
        const response = await http.request(request);
        host.heard(response);
        onAnswer?.(request.url.host, response);
        return response;
      } finally {
        leave();
      }
    },
    close: () => http.close(),
  };
}

interface Kinds {
  readonly plain: Slots;
  readonly sending: Slots;
}

const createKinds = (limit: number): Kinds => ({ plain: createSlots(limit), sending: createSlots(limit) });

interface Host extends Kinds {
  /** Milliseconds since 1970 before which it wants no request. */
  readonly pausedUntil: number;
  heard(response: HttpResponse): void;
}

function createHost(name: string, { retry, logger, onPause }: HostGateOptions): Host {
  let pausedUntil = 0;
  let refusals = 0;
  return {
    ...createKinds(REQUESTS_PER_HOST),
    get pausedUntil() {
      return pausedUntil;
    },
    heard(response) {
      const { status } = response;
      refusals = status === 429 ? refusals + 1 : 0;
      if (status !== 429 && status !== 503) return;
      const now = retry.clock();
      const asked = parseRetryAfter(header(response, 'retry-after'), now);
      const own = Math.min(MAX_OWN_PAUSE, retry.baseDelay * OWN_PAUSE * 2 ** (refusals - 1));
      const pause = asked === undefined ? (status === 429 ? own : 0) : asked * 1000;
      if (pause <= 0) return;
      const until = now + Math.min(pause, retry.maxDelay);
      // Several are told the same at once, and what was asked for last does not shorten what was asked before.
      const longer = until - Math.max(pausedUntil, now);
      pausedUntil = Math.max(pausedUntil, until);
      logger.debug('a host asks to be left alone', { host: name, milliseconds: pausedUntil - now });
      if (longer >= LONG_PAUSE) onPause?.(name, pausedUntil - now);
    },
  };
}

/** Waits for a slot and for the end of a pause; the function gives the slot back. */
async function enter(
  { body, signal }: HttpRequest,
  host: Host,
  all: Kinds,
  { clock, sleep }: RetryPolicy,
): Promise<() => void> {
  const kind = body === undefined ? 'plain' : 'sending';
  const leaveHost = await host[kind].take(signal);
  let waitedUntil = clock();
  try {
    for (;;) {
      while (host.pausedUntil > waitedUntil) {
        const until = host.pausedUntil;
        await sleep(until - waitedUntil, signal);
        waitedUntil = Math.max(until, clock());
      }
      // Only now: a host that has to be waited for takes no slot from the others.
      const leaveAll = await all[kind].take(signal);
      const leave = () => {
        leaveAll();
        leaveHost();
      };
      if (host.pausedUntil <= waitedUntil) return leave;
      leaveAll();
    }
  } catch (error) {
    leaveHost();
    throw error;
  }
}
