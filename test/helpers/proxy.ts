import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { listenForTest } from './http-server.ts';

export interface TestProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly host: string;
  /** `CONNECT host:port` or `GET http://host/path`, in the order they came. */
  readonly lines: readonly string[];
}

export interface TestProxyOptions {
  /** By name and port as asked for; what is not here is looked for nowhere and answered with 502. */
  readonly names?: Readonly<Record<string, string>>;
  /** `user:password` that it wants. */
  readonly login?: string;
  /** Answers everything with this status. */
  readonly status?: number;
  /** Takes connections and says nothing: to the CONNECT, or behind it. */
  readonly silent?: 'at once' | 'in the tunnel';
}

/** An HTTP proxy on a free loopback port, with a name server of its own. */
export async function proxyForTest(options: TestProxyOptions = {}): Promise<TestProxy> {
  const lines: string[] = [];
  const { names = {}, login, silent } = options;
  const refusal = (request: IncomingMessage, target: string): number | undefined => {
    lines.push(`${request.method} ${request.url}`);
    const basic = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
    if (basic !== undefined && request.headers['proxy-authorization'] !== basic) return 407;
    return options.status ?? (names[target] === undefined ? 502 : undefined);
  };
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '');
    const target = url?.host ?? '';
    const status = refusal(request, target);
    if (silent !== undefined) return;
    if (status !== undefined) return void response.writeHead(status).end('no');
    const { 'proxy-authorization': _own, 'proxy-connection': _mine, ...headers } = request.headers;
    const onward = httpRequest(`http://${names[target]}${url?.pathname}${url?.search}`, {
      method: request.method ?? 'GET',
      headers,
    });
    onward.on('response', (answer) =>
      answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers)),
    );
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on('connect', (request, socket, head) => {
    const target = request.url ?? '';
    const status = refusal(request, target);
    if (silent === 'at once') return;
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    if (silent === 'in the tunnel') return void socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const [host = '', port = ''] = (names[target] ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  const host = await listenForTest(server);
  return { url: `http://${host}`, host, lines };
}
