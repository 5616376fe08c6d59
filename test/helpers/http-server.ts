import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface TestServer {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly url: string;
  /** In the order they began. */
  readonly requests: readonly SeenRequest[];
  /** `METHOD path?query` of each. */
  readonly lines: () => readonly string[];
}

/** An HTTP server on a free loopback port that ends, with all its connections, when the test does. */
export async function serve(handler: Handler, tls?: TlsOptions): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, headers });
    try {
      await handler(request, response);
    } catch (error) {
      // A client that goes away in the middle is what many tests are about; other failures end the answer.
      if (!request.destroyed) response.destroy(error as Error);
    }
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const host = await listenForTest(server);
  return {
    host,
    url: `${tls === undefined ? 'http' : 'https'}://${host}`,
    requests,
    lines: () => requests.map(({ method, url }) => `${method} ${url}`),
  };
}

/** Listens on a free loopback port until the test ends; gives `127.0.0.1:PORT`. */
export async function listenForTest(server: NetServer): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}
