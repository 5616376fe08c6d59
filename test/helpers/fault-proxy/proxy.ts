/**
 * A TCP proxy on loopback that does to the connections between a client and a registry what bad networks do, at exact
 * bytes. It looks at HTTP only to count: which bytes are heads and which are bodies, and which bodies are of blobs.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Fault, STREAMS, type Stream } from './faults.ts';
import { createFramers } from './framer.ts';
import { type Connection, cut, pump, type Traffic } from './lane.ts';

/** The registry behind the proxy. */
export interface Upstream {
  readonly port: number;
  /** Ends it like a crash; what it has stored stays. */
  kill(): Promise<void>;
  /** Does nothing where it runs. */
  start(): Promise<void>;
}

export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly counts: Readonly<Record<Stream, number>>;
  /** Bytes of blobs on their way to the registry, whether they arrived or not. */
  uploadBytes(): number;
  /** What happened, in the order it did. */
  readonly happened: readonly string[];
  /** Cuts what is open and starts the registry if it is dead. */
  stop(): Promise<void>;
}

export async function startFaultProxy(upstream: Upstream, faults: readonly Fault[]): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  // One after the other: a registry that dies while it starts is dead.
  let restarts = Promise.resolve();
  // `dead`: nobody answers here.
  const state = { dead: false, stopped: false };
  const restart = async (milliseconds: number | undefined): Promise<void> => {
    state.dead = true;
    await upstream.kill();
    for (const connection of connections) cut(connection, 'reset');
    if (milliseconds === undefined) return;
    await wait(milliseconds);
    await upstream.start();
    state.dead = state.stopped;
  };
  const traffic: Traffic = {
    faults: faults.map((fault) => ({ fault, next: fault.at })),
    counts: zeros(),
    uploadBytes: 0,
    happened: [],
    kill(milliseconds) {
      restarts = restarts.then(() => restart(milliseconds));
      return restarts;
    },
  };
  const server = createServer({ allowHalfOpen: true }, (client) =>
    state.dead ? client.resetAndDestroy() : accept(client, upstream.port, traffic, connections),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${portOf(server)}`,
    counts: traffic.counts,
    happened: traffic.happened,
    uploadBytes: () => traffic.uploadBytes,
    async stop() {
      traffic.faults.length = 0;
      Object.assign(state, { dead: true, stopped: true });
      if (server.listening) server.close();
      for (const connection of connections) cut(connection, 'reset');
      await restarts;
      await upstream.start();
    },
  };
}

function accept(client: Socket, port: number, traffic: Traffic, connections: Set<Connection>): void {
  const registry = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const gone = new AbortController();
  const connection: Connection = { client, registry, gone, stalled: false, over: false, uploads: false };
  connections.add(connection);
  for (const socket of [client, registry]) {
    socket.setNoDelay(true);
    // Whoever broke off, the other end is told so.
    socket.on('error', () => cut(connection, 'reset'));
    socket.once('close', () => {
      if (client.destroyed && registry.destroyed) connections.delete(connection);
    });
  }
  const { requests, answers } = createFramers((method, target) => {
    connection.uploads = method !== 'GET' && target.includes('/blobs/uploads/');
  });
  const bytesPerSecond = Number.POSITIVE_INFINITY;
  void pump({ direction: 'up', connection, traffic, framer: requests, bytesPerSecond });
  void pump({ direction: 'down', connection, traffic, framer: answers, bytesPerSecond });
}

function zeros(): Record<Stream, number> {
  return Object.fromEntries(STREAMS.map((stream) => [stream, 0])) as Record<Stream, number>;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
