import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What may pass at once after a pause, in bytes. */
const BURST_BYTES = 256 * 1024;

/** A link of so many bytes per second in each direction to a port of this machine. */
export interface Link {
  readonly port: number;
  stop(): Promise<void>;
}

export async function throttledLink(port: number, bytesPerSecond: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const up = tokenBucket(bytesPerSecond);
  const down = tokenBucket(bytesPerSecond);
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay(true).once('close', () => sockets.delete(socket)));
    }
    void pump(client, upstream, up);
    void pump(upstream, client, down);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Resolves once so many bytes may have passed. All connections of a link draw from one bucket. */
function tokenBucket(bytesPerSecond: number): (bytes: number) => Promise<void> {
  const burst = (BURST_BYTES / bytesPerSecond) * 1000;
  let free = 0;
  return async (bytes) => {
    const now = performance.now();
    free = Math.max(free, now - burst) + (bytes / bytesPerSecond) * 1000;
    if (free > now) await wait(free - now);
  };
}

async function pump(from: Socket, to: Socket, take: (bytes: number) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      await take(chunk.length);
      if (!to.write(chunk)) await once(to, 'drain');
    }
    to.end();
  } catch {
    // Whoever was cut off tells its own side.
    from.destroy();
    to.destroy();
  }
}
