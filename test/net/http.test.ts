import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHttpClient, type HttpClientOptions, type RequestBody } from '../../src/net/http.ts';
import { selfSigned } from '../helpers/certificate.ts';
import { describeWith } from '../helpers/engines.ts';
import { listenForTest, serve } from '../helpers/http-server.ts';

function client(options: HttpClientOptions = {}) {
  const http = createHttpClient(options);
  onTestFinished(() => http.close());
  return http;
}

const get = (url: string) => ({ method: 'GET', url: new URL(url) });
const bodyOf = (stream: Readable, size?: number): RequestBody => ({ open: async () => stream, size });
/** Gives one chunk and then nothing any more. */
const endless = () => new Readable({ read() {} });

describe('createHttpClient', () => {
  it('hands out the bytes of the wire, whatever Content-Encoding says', async () => {
    const zipped = gzipSync('hello');
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped);
    });
    const response = await client().request(get(server.url));
    expect(Buffer.compare(await buffer(response.body), zipped)).toBe(0);
  });

  it('keeps repeated headers apart', async () => {
    const server = await serve((_, response) => {
      response.setHeader('WWW-Authenticate', ['Basic realm="a, b"', 'Bearer realm="c"']);
      response.writeHead(401).end();
    });
    const response = await client().request(get(server.url));
    expect(response.headers['www-authenticate']).toEqual(['Basic realm="a, b"', 'Bearer realm="c"']);
  });

  it('sends a body with its length, or chunked, and nothing as nothing', async () => {
    const server = await serve(async (request, response) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
      response.end(`${length} ${coding} ${await text(request)}`);
    });
    const http = client();
    const send = async (body?: RequestBody) =>
      await text((await http.request({ method: 'PUT', url: new URL(server.url), body })).body);
    expect(await send(bodyOf(Readable.from([Buffer.from('ab'), Buffer.from('c')]), 3))).toBe(
      '3 undefined abc',
    );
    expect(await send(bodyOf(Readable.from([Buffer.from('abc')])))).toBe('undefined chunked abc');
    expect(await send()).toBe('0 undefined ');
  });

  it('uses a connection again, and no more of them than it may', async () => {
    const ports = new Set<number | undefined>();
    const server = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('x');
    });
    const http = client({ socketsPerHost: 2 });
    const one = async () => await text((await http.request(get(server.url))).body);
    await Promise.all(Array.from({ length: 10 }, one));
    expect(ports.size).toBe(2);
  });

  it('does not send the user and password of an address', async () => {
    const server = await serve((_, response) => response.end());
    await client().request(get(server.url.replace('//', '//me:secret@')));
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('createHttpClient, when things go wrong', () => {
  it('says that nobody listens', async () => {
    const server = createServer();
    const host = await listenForTest(server);
    server.close();
    await expect(client().request(get(`http://${host}`))).rejects.toMatchObject({ kind: 'refused', host });
  });

  it('says that there is no such host', async () => {
    const lookup: HttpClientOptions['lookup'] = (_name, _options, callback) =>
      callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '', 4);
    await expect(client({ lookup }).request(get('http://nowhere.example/'))).rejects.toMatchObject({
      kind: 'unresolved',
    });
  });

  it('says that the connection was cut, before the answer and in it', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/before') return request.socket.destroy();
      return response.writeHead(200, { 'content-length': 10 }).write('12345', () => request.socket.destroy());
    });
    const http = client();
    await expect(http.request(get(`${server.url}/before`))).rejects.toMatchObject({ kind: 'reset' });
    const { body } = await http.request(get(server.url));
    await expect(buffer(body)).rejects.toMatchObject({ kind: 'reset' });
  });

  it('says that what answers speaks no HTTP', async () => {
    const host = await listenForTest(createServer((socket) => socket.end('SSH-2.0-OpenSSH_9\r\n')));
    await expect(client().request(get(`http://${host}`))).rejects.toMatchObject({ kind: 'protocol' });
  });

  it('says that what answers speaks no TLS', async () => {
    const server = await serve((_, response) => response.end());
    await expect(client().request(get(`https://${server.host}`))).rejects.toMatchObject({ kind: 'not-tls' });
  });

  it('waits only so long for a TLS handshake', async () => {
    const host = await listenForTest(createServer(() => {}));
    await expect(client({ connectTimeout: 30 }).request(get(`https://${host}`))).rejects.toMatchObject({
      kind: 'timeout',
    });
  });

  it('waits only so long for an answer', async () => {
    const server = await serve(() => {});
    await expect(client({ headersTimeout: 30 }).request(get(server.url))).rejects.toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('no answer in time'),
    });
  });

  it('waits only so long for the next bytes of an answer', async () => {
    const server = await serve((_, response) => response.write('some'));
    const { body } = await client({ idleTimeout: 30 }).request(get(server.url));
    await expect(buffer(body)).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('does not call a slow reader a stall', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 7);
    const server = await serve((_, response) => response.end(bytes));
    const { body } = await client({ idleTimeout: 300 }).request(get(server.url));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await buffer(body)).length).toBe(bytes.length);
  });

  it('gives all of an answer that came whole, however late it is read', async () => {
    const server = await serve((_, response) => response.end(Buffer.alloc(600_000)));
    const { body } = await client({ idleTimeout: 300 }).request(get(server.url));
    let size = 0;
    for await (const chunk of body) {
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 700));
      size += chunk.length;
    }
    expect(size).toBe(600_000);
  });

  it('waits only so long for a peer that takes no more bytes', async () => {
    const host = await listenForTest(createServer((socket) => socket.pause()));
    const source = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024)));
    const request = { method: 'PUT', url: new URL(`http://${host}`), body: bodyOf(source) };
    await expect(client({ idleTimeout: 60 }).request(request)).rejects.toMatchObject({ kind: 'timeout' });
    await vi.waitFor(() => expect(source.destroyed).toBe(true));
  });

  it('does not call a slow source a stall', async () => {
    const server = await serve(async (request, response) => response.end(await text(request)));
    const slow = Readable.from(
      (async function* () {
        yield Buffer.from('a');
        await new Promise((resolve) => setTimeout(resolve, 700));
        yield Buffer.from('b');
      })(),
    );
    const http = client({ idleTimeout: 300, headersTimeout: 5_000 });
    const response = await http.request({ method: 'PUT', url: new URL(server.url), body: bodyOf(slow) });
    expect(await text(response.body)).toBe('ab');
  });

  it('passes on the error of the source as it is', async () => {
    const server = await serve((request) => request.resume());
    const failure = Object.assign(new Error('bad disk'), { code: 'EIO' });
    const source = new Readable({
      read() {
        this.destroy(failure);
      },
    });
    const request = { method: 'PUT', url: new URL(server.url), body: bodyOf(source) };
    await expect(client().request(request)).rejects.toBe(failure);
  });

  it('takes an early answer, and lets the source go', async () => {
    const server = await serve((_, response) => response.writeHead(413).end('too much'));
    const source = endless();
    source.push(Buffer.alloc(100));
    let stoppedAt: AbortSignal | undefined;
    const body: RequestBody = {
      open: async (stopped) => {
        stoppedAt = stopped;
        return source;
      },
    };
    const response = await client().request({ method: 'PUT', url: new URL(server.url), body });
    expect([response.status, await text(response.body)]).toEqual([413, 'too much']);
    expect(stoppedAt?.aborted).toBe(true);
  });

  it('does not open the source before the connection stands', async () => {
    const server = createServer();
    const host = await listenForTest(server);
    server.close();
    const open = () => Promise.reject(new Error('opened'));
    const request = { method: 'PUT', url: new URL(`http://${host}`), body: { open } };
    await expect(client().request(request)).rejects.toMatchObject({ kind: 'refused' });
  });

  it('stops when asked to: before, while waiting, and in the body', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/body') response.write('some');
    });
    const http = client();
    const reason = new Error('enough');
    const early = { ...get(server.url), signal: AbortSignal.abort(reason) };
    await expect(http.request(early)).rejects.toBe(reason);
    const waiting = new AbortController();
    const pending = http.request({ ...get(server.url), signal: waiting.signal });
    setTimeout(() => waiting.abort(reason), 30);
    await expect(pending).rejects.toBe(reason);
    const reading = new AbortController();
    const { body } = await http.request({ ...get(`${server.url}/body`), signal: reading.signal });
    setTimeout(() => reading.abort(reason), 30);
    await expect(buffer(body)).rejects.toBe(reason);
  });
});

describe('createHttpClient, when an answer never ends', () => {
  /** A byte every few milliseconds, for ever. */
  const drip = (response: NodeJS.WritableStream) => {
    const timer = setInterval(() => response.write('x'), 4);
    onTestFinished(() => clearInterval(timer));
  };

  it('wants more of its body than a byte now and then', async () => {
    const server = await serve((_, response) => drip(response));
    const { body } = await client({ idleTimeout: 300 }).request(get(server.url));
    await expect(buffer(body)).rejects.toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('stalled'),
    });
  });

  it('wants the whole of a document in time, however fast it comes', async () => {
    const server = await serve((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(4096)), 4);
      onTestFinished(() => clearInterval(timer));
    });
    const { body, limitTime } = await client({ documentTimeout: 60 }).request(get(server.url));
    limitTime();
    await expect(buffer(body)).rejects.toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('takes too long'),
    });
  });

  it('gives a slow blob the time it needs', async () => {
    const server = await serve((_, response) => {
      let left = 120;
      const timer = setInterval(() => {
        left -= 1;
        if (left >= 0) response.write(Buffer.alloc(1024));
        else response.end();
      }, 4);
      onTestFinished(() => clearInterval(timer));
    });
    const { body } = await client({ idleTimeout: 300, documentTimeout: 30 }).request(get(server.url));
    expect((await buffer(body)).length).toBe(120 * 1024);
  });

  it('wants headers that end, in size and in time', async () => {
    const long = await listenForTest(
      createServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        for (let line = 0; line < 1000; line += 1) socket.write(`X-${line}: ${'x'.repeat(50)}\r\n`);
      }),
    );
    await expect(client().request(get(`http://${long}`))).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringContaining('headers of its answer are too long'),
    });
    const slow = await listenForTest(
      createServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX: ');
        drip(socket);
      }),
    );
    await expect(client({ headersTimeout: 60 }).request(get(`http://${slow}`))).rejects.toMatchObject({
      kind: 'timeout',
    });
  });
});

describe('createHttpClient, when no connection is free', () => {
  it('stops waiting for one when asked to', async () => {
    const server = await serve(() => {});
    const http = client({ socketsPerHost: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const busy = http.request({ ...get(server.url), signal: first.signal });
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    const queued = http.request({ ...get(server.url), signal: second.signal });
    const reason = new Error('enough');
    setTimeout(() => second.abort(reason), 30);
    await expect(queued).rejects.toBe(reason);
    first.abort(reason);
    await expect(busy).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

describeWith(['openssl'], 'createHttpClient, with TLS', () => {
  it('trusts what it is told to trust, and nothing else', async () => {
    const own = await selfSigned();
    const server = await serve((_, response) => response.end('hi'), own);
    await expect(client().request(get(server.url))).rejects.toMatchObject({ kind: 'tls' });
    const trusting = await client({ ca: [own.cert] }).request(get(server.url));
    expect(await text(trusting.body)).toBe('hi');
    const careless = await client({ insecureHosts: [server.host] }).request(get(server.url));
    expect(await text(careless.body)).toBe('hi');
  });
});
