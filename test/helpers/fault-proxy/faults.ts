import type { Seeded } from '../seeded.ts';

/**
 * What is counted, over all connections of a proxy, to know when a fault's moment has come. All are bytes, but for
 * `answers`, which counts the answers that begin.
 */
export const STREAMS = ['up', 'down', 'request-body', 'answer-head', 'answer-body', 'answers'] as const;
export type Stream = (typeof STREAMS)[number];

export type Action =
  /** Both ends are told that the connection broke (RST), or that it ended (FIN). */
  | { readonly kind: 'reset' | 'end' }
  /** Nothing more passes on this connection, in neither direction. */
  | { readonly kind: 'stall' }
  | { readonly kind: 'pause'; readonly milliseconds: number }
  /** This direction of the connection is this slow from here on. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** This byte is another one: the exclusive or with `mask`. */
  | { readonly kind: 'corrupt'; readonly mask: number }
  /** The registry dies; it comes back after so many milliseconds, or not before it is healed. */
  | { readonly kind: 'kill'; readonly milliseconds: number | undefined };

export interface Fault {
  readonly stream: Stream;
  /** It happens at this byte (or answer), counted from 0. */
  readonly at: number;
  /** And again each time so many more have passed. */
  readonly every?: number | undefined;
  readonly action: Action;
}

/** About how much passes in a run without faults. */
export interface ExpectedTraffic {
  readonly up: number;
  readonly down: number;
  readonly answers: number;
}

/** Bytes of an answer without its body. */
const HEAD_BYTES = 250;

/** One fault somewhere in the traffic to come. */
export function drawFault(chance: Seeded, traffic: ExpectedTraffic): Fault {
  const action = drawAction(chance);
  const stream = action.kind === 'corrupt' ? drawCorruptible(chance) : chance.pick(STREAMS);
  const all = {
    up: traffic.up,
    'request-body': traffic.up,
    down: traffic.down,
    'answer-body': traffic.down,
    'answer-head': traffic.answers * HEAD_BYTES,
    answers: traffic.answers,
  }[stream];
  const every = chance.chance(0.4)
    ? Math.max(1, chance.between(Math.ceil(all / 50), Math.ceil(all / 3)))
    : undefined;
  return { stream, at: chance.between(0, Math.max(0, all - 1)), action, every };
}

function drawAction(chance: Seeded): Action {
  const kind = chance.pick<Action['kind']>([
    'reset',
    'reset',
    'end',
    'stall',
    'pause',
    'slow',
    'corrupt',
    'corrupt',
    'kill',
  ]);
  switch (kind) {
    case 'pause':
      return { kind, milliseconds: chance.between(5, 400) };
    case 'slow':
      return { kind, bytesPerSecond: chance.between(100, 4000) * 1000 };
    case 'corrupt':
      return { kind, mask: chance.between(1, 255) };
    case 'kill':
      return { kind, milliseconds: chance.chance(0.5) ? chance.between(0, 50) : undefined };
    default:
      return { kind };
  }
}

/**
 * Not the head of a request: a registry that is asked for something else than what was meant does that, and no client
 * can know.
 */
function drawCorruptible(chance: Seeded): Stream {
  return chance.pick(['request-body', 'answer-head', 'answer-body']);
}
