import { once } from 'node:events';
import { Agent, get as httpGet } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/log.ts';
import { requireToken } from '../../../src/registry/server/access.ts';
import type { PullHandler } from '../../../src/registry/server/handler.ts';
import { type ListenOptions, listen } from '../../../src/registry/server/listen.ts';
import { selfSigned } from '../../helpers/certificate.ts';
import { describeWith } from '../../helpers/engines.ts';
import { serveStore } from '../../helpers/served-store.ts';

const local: ListenOptions = { host: '127.0.0.1', port: 0, open: true, logger: silentLogger };
const hello: PullHandler = async (_, response) => void response.end('hello');

async function listening(handler: PullHandler, options: Partial<ListenOptions> = {}) {
  const made = await listen(handler, { ...local, ...options });
  onTestFinished(() => made.close(0));
  return made;
}

describe('listening', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1'])(
    'is refused at %s while everybody would be let in',
    async (host) => {
      await expect(listening(hello, { host })).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining('--token-file'),
      });
    },
  );

  it('is done for others where tokens are asked for', async () => {
    const made = await listening(hello, { host: '0.0.0.0', open: false });
    expect(made.isLoopback).toBe(false);
    expect(await (await fetch(made.url)).text()).toBe('hello');
  });

  it('takes names, and IPv6', async () => {
    const byName = await listening(hello, { host: 'localhost' });
    expect(byName.url).toMatch(/^http:\/\/localhost:\d+$/);
    expect(await (await fetch(byName.url)).text()).toBe('hello');
  });

  it('says which address it cannot have', async () => {
    const { host } = await listening(hello);
    const port = Number(host.split(':')[1]);
    await expect(listening(hello, { port })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
    });
    await expect(listening(hello, { host: 'no-such-name.invalid' })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });
});

describe('the end', () => {
  it('waits for what is under way, takes nothing new, and closes what is only kept alive', async () => {
    const release = Promise.withResolvers<void>();
    const made = await listening(async (_, response) => {
      response.write('first ');
      await release.promise;
      response.end('last');
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const [slow] = await once(httpGet(made.url, { agent }), 'response');
    const [first] = await once(slow, 'data');
    const ended = made.close(60_000);
    await expect(fetch(made.url)).rejects.toThrow();
    release.resolve();
    expect(`${first}${await text(slow)}`).toBe('first last');
    await ended;
  });

  it('cuts what does not come to an end', async () => {
    const made = await listening(async (_, response) => void response.write('and so on'));
    const answer = await fetch(made.url);
    await made.close(0);
    await expect(answer.text()).rejects.toThrow();
  });
});

describe('a client that talks nonsense', () => {
  it('is told so, and others do not notice', async () => {
    const { url, host } = await serveStore();
    const [address = '', port = ''] = host.split(':');
    const socket = connect(Number(port), address);
    onTestFinished(() => void socket.destroy());
    socket.write('GET / HTTP/9.9\r\n\r\n');
    expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1.1 400 /);
    const long = connect(Number(port), address);
    onTestFinished(() => void long.destroy());
    long.write(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect((await buffer(long)).toString()).toMatch(/^HTTP\/1.1 431 /);
    expect((await fetch(`${url}/v2/`)).status).toBe(200);
  });

  it('is given up when it takes its time with its headers, or reads nothing of the answer', async () => {
    const ended = Promise.withResolvers<void>();
    const made = await listening(
      async (_, response) => {
        response.once('close', () => ended.resolve());
        // More than a socket takes in by itself.
        response.end(Buffer.alloc(64 * 1024 * 1024));
      },
      { limits: { headers: 50, request: 50, idle: 200 } },
    );
    const [address = '', port = ''] = made.host.split(':');
    const slow = connect(Number(port), address);
    slow.write('GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ');
    expect((await buffer(slow)).toString()).toMatch(/^HTTP\/1.1 408 /);
    const deaf = connect(Number(port), address);
    onTestFinished(() => void deaf.destroy());
    deaf.pause();
    deaf.on('error', () => {});
    deaf.write(`GET / HTTP/1.1\r\nHost: ${made.host}\r\n\r\n`);
    await ended.promise;
  });

  it('and takes all connections gets no more', async () => {
    const made = await listening(hello, { limits: { connections: 2 } });
    const [address = '', port = ''] = made.host.split(':');
    const open = [1, 2].map(() => connect(Number(port), address));
    onTestFinished(() => open.forEach((socket) => void socket.destroy()));
    await Promise.all(open.map((socket) => once(socket, 'connect')));
    const third = connect(Number(port), address);
    third.on('error', () => {});
    await once(third, 'close');
    open[0]?.end(`GET / HTTP/1.1\r\nHost: ${made.host}\r\nConnection: close\r\n\r\n`);
    expect(open[0] && (await buffer(open[0])).toString()).toMatch(/hello$/);
  });

  it('gets an answer to paths that are none', async () => {
    const { host } = await serveStore();
    const [address = '', port = ''] = host.split(':');
    const ask = async (path: string) => {
      const socket = connect(Number(port), address);
      onTestFinished(() => void socket.destroy());
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return (await buffer(socket)).toString().split(' ')[1];
    };
    for (const path of ['//x', 'http://elsewhere/v2/', '*', '/v2/%ZZ/tags/list', '/v2/../../etc/passwd']) {
      expect(await ask(path), path).toMatch(/^40\d$/);
    }
  });
});

describeWith(['openssl'], 'with TLS', () => {
  it('the registry answers to clients that trust its certificate', async () => {
    const tls = await selfSigned();
    const { url } = await serveStore({ tls, authorize: requireToken([]) });
    const [answer] = await once(get(`${url}/v2/`, { ca: tls.cert, agent: false }), 'response');
    expect(answer.statusCode).toBe(401);
    await buffer(answer);
    await expect(once(get(`${url}/v2/`, { agent: false }), 'response')).rejects.toThrow();
  });
});
