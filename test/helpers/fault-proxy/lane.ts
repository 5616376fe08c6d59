import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Action, Fault, Stream } from './faults.ts';
import type { Framer, Piece } from './framer.ts';

/** What the connections of a proxy share. */
export interface Traffic {
  readonly faults: { readonly fault: Fault; next: number }[];
  readonly counts: Record<Stream, number>;
  uploadBytes: number;
  readonly happened: string[];
  /** Ends the registry, and starts it again after so many milliseconds. */
  kill(milliseconds: number | undefined): Promise<void>;
}

export interface Connection {
  readonly client: Socket;
  readonly registry: Socket;
  /** Ends all waiting for this connection. */
  readonly gone: AbortController;
  stalled: boolean;
  /** Was cut, and is not to be cut in another way. */
  over: boolean;
  /** The request under way sends a blob. */
  uploads: boolean;
}

/** One direction of one connection. */
export interface Lane {
  readonly direction: 'up' | 'down';
  readonly connection: Connection;
  readonly traffic: Traffic;
  readonly framer: Framer;
  bytesPerSecond: number;
}

/** Passes on what comes, until it ends or breaks. */
export async function pump(lane: Lane): Promise<void> {
  const { client, registry } = lane.connection;
  const [from, to] = lane.direction === 'up' ? [client, registry] : [registry, client];
  try {
    // One side may have ended while the other still has something to say.
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const piece of lane.framer.split(chunk)) await pass(lane, piece, to);
    }
    if (!lane.connection.stalled) to.end();
  } catch {
    if (!lane.connection.over) cut(lane.connection, 'reset');
  }
}

/** Sends a piece on, and does what is to happen at the bytes in it. */
async function pass(lane: Lane, piece: Piece, to: Socket): Promise<void> {
  const { counts } = lane.traffic;
  const streams = streamsOf(lane, piece);
  const send = async (bytes: Buffer): Promise<void> => {
    if (lane.connection.stalled) await forever(lane.connection);
    lane.connection.gone.signal.throwIfAborted();
    for (const stream of streams) counts[stream] += bytes.length;
    await write(lane, piece, bytes, to);
  };
  if (lane.direction === 'down' && piece.begins) {
    await happen(lane, 'answers');
    counts.answers += 1;
  }
  for (let rest = piece.bytes; rest.length > 0; ) {
    // Up to the next byte at which something happens.
    const length = Math.min(rest.length, ...streams.map((stream) => untilNext(lane.traffic, stream)));
    if (length > 0) await send(rest.subarray(0, length));
    rest = rest.subarray(length);
    if (rest.length === 0) return;
    let byte = rest.readUInt8(0);
    for (const stream of streams) byte ^= await happen(lane, stream);
    await send(Buffer.from([byte]));
    rest = rest.subarray(1);
  }
}

function untilNext({ faults, counts }: Traffic, stream: Stream): number {
  const due = faults.filter((one) => one.fault.stream === stream).map((one) => one.next);
  return Math.max(0, Math.min(...due) - counts[stream]);
}

/** Everything that is due where the stream stands. Gives the mask for the byte that comes next. */
async function happen(lane: Lane, stream: Stream): Promise<number> {
  const { faults, counts, happened } = lane.traffic;
  let mask = 0;
  for (const one of faults) {
    if (one.fault.stream !== stream || one.next > counts[stream]) continue;
    const { every, action } = one.fault;
    one.next = every === undefined ? Number.POSITIVE_INFINITY : counts[stream] + every;
    happened.push(`${action.kind} at ${stream} ${counts[stream]}`);
    mask ^= await act(lane, action);
  }
  return mask;
}

async function act(lane: Lane, action: Action): Promise<number> {
  const { connection, traffic } = lane;
  switch (action.kind) {
    case 'corrupt':
      return action.mask;
    case 'slow':
      lane.bytesPerSecond = action.bytesPerSecond;
      return 0;
    case 'pause':
      await wait(action.milliseconds, undefined, { signal: connection.gone.signal });
      return 0;
    case 'stall':
      connection.stalled = true;
      return 0;
    case 'kill':
      await traffic.kill(action.milliseconds);
      return 0;
    default:
      cut(connection, action.kind);
      return await forever(connection);
  }
}

async function write(lane: Lane, piece: Piece, bytes: Buffer, to: Socket): Promise<void> {
  const { connection, traffic, bytesPerSecond } = lane;
  const { signal } = connection.gone;
  if (lane.direction === 'up' && piece.section === 'body' && connection.uploads) {
    traffic.uploadBytes += bytes.length;
  }
  if (Number.isFinite(bytesPerSecond)) {
    await wait((bytes.length / bytesPerSecond) * 1000, undefined, { signal });
  }
  if (!to.write(bytes)) await once(to, 'drain', { signal });
}

function streamsOf({ direction }: Lane, { section }: Piece): readonly Stream[] {
  if (section === 'framing' || (direction === 'up' && section === 'head')) return [direction];
  if (direction === 'up') return [direction, 'request-body'];
  return [direction, section === 'head' ? 'answer-head' : 'answer-body'];
}

export function cut(connection: Connection, how: 'reset' | 'end'): void {
  connection.over = true;
  connection.gone.abort();
  for (const socket of [connection.client, connection.registry]) {
    if (how === 'reset') socket.resetAndDestroy();
    else socket.end(() => socket.destroy());
  }
}

/** Until the connection is gone; then rejects. */
async function forever({ gone }: Connection): Promise<never> {
  if (!gone.signal.aborted) await once(gone.signal, 'abort');
  throw gone.signal.reason;
}
