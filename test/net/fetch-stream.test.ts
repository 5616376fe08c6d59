import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openUrl } from '../../src/net/fetch-stream.ts';
import { createHttpClient } from '../../src/net/http.ts';
import { selfSigned } from '../helpers/certificate.ts';
import { describeWith } from '../helpers/engines.ts';
import { type Handler, serve } from '../helpers/http-server.ts';

function options(limits: Parameters<typeof createHttpClient>[0] = {}) {
  const http = createHttpClient(limits);
  onTestFinished(() => http.close());
  return { http, retryDelay: 1 };
}

const failure = async (promise: Promise<unknown>) => String(await promise.catch((error: unknown) => error));

describe('openUrl', () => {
  it('gives the bytes and says how many they are', async () => {
    const server = await serve((_, response) => response.setHeader('content-length', 4).end('slug'));
    const { stream, size } = await openUrl(`${server.url}/slug.tgz`, options());
    expect([await text(stream), size]).toEqual(['slug', 4]);
  });

  it('asks for a part, and refuses the whole instead', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/whole') return response.end('0123456789');
      expect(request.headers.range).toBe('bytes=3-5');
      return response.writeHead(206, { 'content-range': 'bytes 3-5/10' }).end('345');
    });
    const range = { start: 3, end: 5 };
    const { stream } = await openUrl(server.url, { ...options(), range });
    expect(await text(stream)).toBe('345');
    await expect(openUrl(`${server.url}/whole`, { ...options(), range })).rejects.toMatchObject({
      code: 'FETCH_FAILED',
    });
  });

  it('follows redirects, and keeps the password to its own host', async () => {
    const other = await serve((_, response) => response.end('there'));
    const server = await serve((request, response) => {
      const location = request.url === '/a' ? '/b' : `${other.url}/c`;
      response.writeHead(302, { location }).end();
    });
    const address = `${server.url}/a`.replace('//', '//me:p%40ss@');
    const { stream } = await openUrl(address, options());
    expect(await text(stream)).toBe('there');
    const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('does not run in circles', async () => {
    const server = await serve((_, response) => response.writeHead(302, { location: '/' }).end());
    expect(await failure(openUrl(server.url, options()))).toContain('circle');
  });

  it.each(['ftp://h/x', 'file:///etc/passwd', 'nonsense'])('refuses %s', async (url) => {
    await expect(openUrl(url, options())).rejects.toMatchObject({ code: 'FETCH_FAILED' });
  });

  it('tries again when it cannot even begin', async () => {
    let tries = 0;
    const server = await serve((request, response) => {
      tries += 1;
      if (tries === 1) request.socket.destroy();
      else if (tries === 2) response.writeHead(503).end();
      else response.end('third time');
    });
    const { stream } = await openUrl(server.url, options());
    expect(await text(stream)).toBe('third time');
  });

  it('does not try again what will not change, and keeps the secret of a presigned address', async () => {
    const server = await serve((_, response) => response.writeHead(403).end());
    const address = `${server.url}/slug.tgz?X-Signature=hunter2`.replace('//', '//me:hunter3@');
    const message = await failure(openUrl(address, options()));
    expect(message).toContain(`${server.host}/slug.tgz?...: answered 403`);
    expect(message).not.toMatch(/hunter/);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [401, 'FETCH_DENIED', 4],
    [403, 'FETCH_DENIED', 4],
    [404, 'FETCH_NOT_FOUND', 1],
    [410, 'FETCH_NOT_FOUND', 1],
    [400, 'FETCH_FAILED', 3],
    [503, 'FETCH_FAILED', 3],
  ])('tells by its code whether %i is worth another try', async (status, code, exitCode) => {
    const server = await serve((_, response) => response.writeHead(status).end());
    const error = await openUrl(server.url, options()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, kind: { exitCode } });
    expect(server.requests).toHaveLength(status === 503 ? 3 : 1);
  });

  const cut: Handler = (request, response) => {
    response.setHeader('content-length', 10);
    response.write('12345', () => request.socket.destroy());
  };
  const stalled: Handler = (_, response) => response.setHeader('content-length', 10).write('12345');
  it.each([
    ['cut', cut],
    ['stalled', stalled],
  ])('fails the stream when it is %s', async (_what, handler) => {
    const server = await serve(handler);
    const { stream } = await openUrl(`${server.url}/x?sig=hunter2`, options({ idleTimeout: 40 }));
    const message = await failure(buffer(stream));
    expect(message).toContain('/x?...');
    expect(message).not.toContain('hunter2');
    await expect(
      buffer((await openUrl(server.url, options({ idleTimeout: 40 }))).stream),
    ).rejects.toMatchObject({ code: 'FETCH_FAILED' });
  });
});

describeWith(['openssl'], 'openUrl, with TLS', () => {
  it('is not led from https to http', async () => {
    const own = await selfSigned();
    const plain = await serve((_, response) => response.end('plain'));
    const server = await serve(
      (_, response) =>
        response.writeHead(302, { location: plain.url.replace('127.0.0.1', 'localhost') }).end(),
      own,
    );
    expect(await failure(openUrl(server.url, options({ ca: [own.cert] })))).toContain('plain http');
    expect(plain.requests).toHaveLength(0);
  });
});
