import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { PLAIN_NETWORK } from '../../src/net/settings.ts';
import { authority, issued } from '../helpers/certificate.ts';
import { describeWith } from '../helpers/engines.ts';
import { serve } from '../helpers/http-server.ts';
import { proxyForTest } from '../helpers/proxy.ts';

function through(proxy: string, options: HttpClientOptions = {}, variables: Record<string, string> = {}) {
  const network = { ...PLAIN_NETWORK, variables: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ...variables } };
  // Nothing here may need a name server: the proxy resolves.
  const lookup: HttpClientOptions['lookup'] = (_name, _options, callback) =>
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '', 0);
  const http = createHttpClient({ lookup, ...options, network });
  onTestFinished(() => http.close());
  return {
    http,
    get: async (url: string, referrer?: string) =>
      await text(
        (
          await http.request({
            method: 'GET',
            url: new URL(url),
            referrer: referrer === undefined ? undefined : new URL(referrer),
          })
        ).body,
      ),
  };
}

const withLogin = (url: string) => url.replace('//', '//me:hunter2%20@');

describe('plain HTTP through a proxy', () => {
  it('names the whole address, and the user to the proxy only', async () => {
    const server = await serve((request, response) =>
      response.end(`${request.url} at ${request.headers.host}`),
    );
    const proxy = await proxyForTest({ names: { 'plain.example:5000': server.host }, login: 'me:hunter2 ' });
    const { get } = through(withLogin(proxy.url));
    expect(await get('http://plain.example:5000/v2/?a=b')).toBe('/v2/?a=b at plain.example:5000');
    expect(await get('http://plain.example:5000/again')).toBe('/again at plain.example:5000');
    expect(proxy.lines).toEqual([
      'GET http://plain.example:5000/v2/?a=b',
      'GET http://plain.example:5000/again',
    ]);
  });

  it('is refused by the proxy, not by the registry', async () => {
    const proxy = await proxyForTest({ login: 'me:other' });
    await expect(through(withLogin(proxy.url)).get('http://plain.example/')).rejects.toMatchObject({
      kind: 'proxy',
      message: `plain.example by the proxy ${proxy.host}: the proxy wants a user and password, or others (407)`,
      hint: expect.stringContaining('USER:PASSWORD'),
    });
  });

  it('goes straight to this machine, and to what NO_PROXY excepts', async () => {
    const server = await serve((_, response) => response.end('straight'));
    const proxy = await proxyForTest();
    const { get } = through(proxy.url);
    expect(await get(server.url)).toBe('straight');
    const lookup: HttpClientOptions['lookup'] = (_name, _options, callback) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const port = server.host.split(':')[1];
    const excepting = through(proxy.url, { lookup }, { NO_PROXY: 'inner.example' });
    expect(await excepting.get(`http://a.inner.example:${port}/`)).toBe('straight');
    expect(proxy.lines).toEqual([]);
  });

  it('says whether it is the proxy that does not answer', async () => {
    const proxy = await proxyForTest({ silent: 'at once' });
    const gone = through('http://127.0.0.1:1');
    await expect(gone.get('http://plain.example/')).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('plain.example by the proxy 127.0.0.1:1'),
    });
    await expect(
      through(proxy.url, { headersTimeout: 30 }).get('http://plain.example/'),
    ).rejects.toMatchObject({
      kind: 'timeout',
    });
  });
});

describeWith(['openssl'], 'TLS through a proxy', () => {
  async function secure(options: Parameters<typeof proxyForTest>[0] = {}) {
    const ca = await authority();
    const { key, cert } = await issued(ca, 'DNS:registry.example');
    const server = await serve((request, response) => response.end(`${request.method} ${request.url}`), {
      key,
      cert,
    });
    const proxy = await proxyForTest({ names: { 'registry.example:443': server.host }, ...options });
    return { ca, server, proxy };
  }

  it('is a tunnel that is used again, with the user told to the proxy only', async () => {
    const { ca, server, proxy } = await secure({ login: 'me:hunter2 ' });
    const { get } = through(withLogin(proxy.url), { ca: [ca.cert] });
    expect(await get('https://registry.example/v2/')).toBe('GET /v2/');
    expect(await get('https://registry.example/v2/again')).toBe('GET /v2/again');
    expect(proxy.lines).toEqual(['CONNECT registry.example:443']);
    expect(server.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('checks the certificate of the registry, and asks this machine whom it trusts', async () => {
    const { ca, proxy } = await secure();
    const strict = through(proxy.url, { machineCertificates: () => [] });
    await expect(strict.get('https://registry.example/')).rejects.toMatchObject({
      kind: 'tls',
      tls: 'issuer',
    });
    const machine = through(proxy.url, { machineCertificates: () => [ca.cert] });
    expect(await machine.get('https://registry.example/')).toBe('GET /');
  });

  it.each([
    [{ login: 'me:other' }, 'proxy', 'wants a user and password, or others (407)'],
    [{ status: 403 }, 'proxy', 'does not let it through (403)'],
    [{ names: {} }, 'refused', 'does not reach it (502)'],
    [{ silent: 'at once' }, 'timeout', 'no connection through the proxy in time'],
    [{ silent: 'in the tunnel' }, 'timeout', 'no connection through the proxy in time'],
  ] as const)('fails with %j as %s: %s', async (options, kind, message) => {
    const { proxy } = await secure(options);
    const { get } = through(withLogin(proxy.url), 'silent' in options ? { connectTimeout: 60 } : {});
    const error = await get('https://registry.example/').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(String(error)).not.toContain('hunter2');
  });

  it('stops when asked to', async () => {
    const { proxy } = await secure({ silent: 'in the tunnel' });
    const reason = new Error('enough');
    const stop = new AbortController();
    const { http } = through(proxy.url);
    const pending = http.request({
      method: 'GET',
      url: new URL('https://registry.example/'),
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(reason), 30);
    await expect(pending).rejects.toBe(reason);
  });

  it('is no way around the guard', async () => {
    const { ca, proxy, server } = await secure();
    const { get } = through(proxy.url, { ca: [ca.cert] });
    const from = 'https://registry.example/v2/';
    await get(from);
    for (const to of [
      'https://169.254.169.254/',
      'https://10.0.0.1/',
      'https://intranet/',
      'https://[::ffff:a00:1]/',
    ])
      await expect(get(to, from)).rejects.toMatchObject({ kind: 'blocked' });
    await expect(get('http://127.0.0.1:5000/', from)).rejects.toMatchObject({ kind: 'blocked' });
    expect(proxy.lines).toEqual(['CONNECT registry.example:443']);
    expect(server.requests).toHaveLength(1);
  });
});
