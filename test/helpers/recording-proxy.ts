import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { serve, type TestServer } from './http-server.ts';
import type { RunningRegistry } from './registry.ts';

export interface RecordingProxy extends TestServer {
  /** Bytes of all request bodies so far. */
  readonly uploaded: () => number;
}

/**
 * Passes everything on to a registry and keeps a record of it.
 *
 * @param intercept answers itself where it gives true
 */
export async function recordingProxy(
  registry: Pick<RunningRegistry, 'port'>,
  intercept: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean = () => false,
): Promise<RecordingProxy> {
  let bytes = 0;
  const server = await serve((incoming, outgoing) => {
    if (intercept(incoming, outgoing)) return;
    const { method, url, headers } = incoming;
    const onward = request(
      { host: '127.0.0.1', port: registry.port, method, path: url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.on('data', ({ length }: Buffer) => {
      bytes += length;
    });
    incoming.pipe(onward);
  });
  return { ...server, uploaded: () => bytes };
}
