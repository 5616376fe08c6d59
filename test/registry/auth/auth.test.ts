import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../../src/net/http.ts';
import { bytesContent } from '../../../src/oci/content.ts';
import type { Credential } from '../../../src/registry/auth/credentials.ts';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.ts';
import type { RetryPolicy } from '../../../src/registry/http/retry.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { randomBlob } from '../../contract/target.ts';
import { selfSigned } from '../../helpers/certificate.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type Handler, serve, type TestServer } from '../../helpers/http-server.ts';

const password: Credential = { kind: 'password', username: 'me', password: 'hunter2', source: 'the test' };
const identity: Credential = { kind: 'identity', username: '<token>', token: 'refresh', source: 'the test' };
const basic = `Basic ${Buffer.from('me:hunter2').toString('base64')}`;

/** Every name leads here: for hosts whose names are no loopback names. */
const loopback: LookupFunction = (_name, options, callback) =>
  options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

function clientWith(
  credential: Credential | undefined,
  retry: Partial<RetryPolicy> = {},
  options: Partial<RegistryClientOptions> = {},
) {
  const http = options.http ?? createHttpClient();
  onTestFinished(() => http.close());
  const credentials = { find: async () => credential, places: 'looked in the test' };
  return createRegistryClient({
    http,
    credentials,
    ...options,
    retry: { baseDelay: 1, attempts: 2, sleep: async () => {}, ...retry },
  });
}

function targetAt(host: string, client: ReturnType<typeof clientWith>, repository = 'team/app') {
  return createRegistryTarget({ client, reference: { registry: host, repository } });
}

interface TokenServerOptions {
  readonly realm?: (host: string) => string;
  readonly token?: Handler;
  /** Which `Authorization` the registry takes at the moment. */
  readonly accepts?: (authorization: string | undefined, scope: string) => boolean;
}

/** A registry that wants a bearer token and hands out `t1`, `t2`, ... itself. */
async function bearerRegistry(options: TokenServerOptions = {}) {
  let given = 0;
  const answer: { challenge: string } = { challenge: '' };
  const server: TestServer = await serve(async (request, response) => {
    if (request.url?.startsWith('/token')) {
      if (options.token !== undefined) return options.token(request, response);
      given += 1;
      return response.end(JSON.stringify({ token: `t${given}` }));
    }
    await buffer(request);
    const { authorization } = request.headers;
    const accepted =
      options.accepts?.(authorization, request.url ?? '') ?? /^Bearer t\d/.test(authorization ?? '');
    if (!accepted) return response.writeHead(401, { 'www-authenticate': answer.challenge }).end();
    if (request.method === 'HEAD') return response.writeHead(404).end();
    if (request.method === 'POST') return response.writeHead(202, { location: '/upload' }).end();
    return response.writeHead(request.method === 'GET' ? 200 : 201).end();
  });
  const realm = options.realm?.(server.host) ?? `${server.url}/token?tenant=7`;
  answer.challenge = `Bearer realm="${realm}",service="reg"`;
  return server;
}

const { descriptor, bytes } = randomBlob(300);
const tokenRequests = (server: TestServer) => server.requests.filter(({ url }) => url.startsWith('/token'));

describe('basic authentication', () => {
  const wantsBasic: Handler = async (request, response) => {
    await buffer(request);
    if (request.headers.authorization === basic) return response.writeHead(404).end();
    return response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
  };

  it('is given when it is asked for', async () => {
    const server = await serve(wantsBasic);
    expect(await targetAt(server.host, clientWith(password)).has(descriptor)).toBe(false);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, basic]);
  });

  it('names where wrong credentials came from, and never the secret', async () => {
    const server = await serve(wantsBasic);
    const wrong = { ...password, password: 'hunter3' };
    const error = await targetAt(server.host, clientWith(wrong))
      .has(descriptor)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('credentials from the test'),
    });
    expect(String(error)).not.toContain('hunter');
  });

  it('says where it looked when there are none', async () => {
    const server = await serve(wantsBasic);
    await expect(targetAt(server.host, clientWith(undefined)).has(descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('(looked in the test)'),
    });
  });
});

describe('bearer authentication', () => {
  it('asks the realm for a token, keeping its query, and uses it for all that it covers', async () => {
    const server = await bearerRegistry();
    const target = targetAt(server.host, clientWith(password));
    await target.put(bytesContent(bytes), descriptor);
    await target.has(descriptor);
    const [token, ...more] = tokenRequests(server);
    expect(more).toEqual([]);
    expect(token?.url).toBe('/token?tenant=7&service=reg&scope=repository%3Ateam%2Fapp%3Apull%2Cpush');
    expect(token?.headers.authorization).toBe(basic);
  });

  it('asks anonymously without credentials, once for several at a time', async () => {
    const server = await bearerRegistry();
    const target = targetAt(server.host, clientWith(undefined));
    await Promise.all([1, 2, 3, 4].map(() => target.has(descriptor)));
    expect(tokenRequests(server).map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('asks for another repository anew', async () => {
    const server = await bearerRegistry();
    const client = clientWith(password);
    await targetAt(server.host, client).has(descriptor);
    await targetAt(server.host, client, 'team/other').has(descriptor);
    expect(tokenRequests(server).map(({ url }) => new URLSearchParams(url).get('scope'))).toEqual([
      'repository:team/app:pull',
      'repository:team/other:pull',
    ]);
  });

  it('renews a token before it runs out; without a stated life that is a minute', async () => {
    let now = 0;
    const server = await bearerRegistry();
    const target = targetAt(server.host, clientWith(password, { clock: () => now }));
    for (now of [0, 49_000, 51_000, 99_000, 102_000]) await target.has(descriptor);
    expect(tokenRequests(server)).toHaveLength(3);
  });

  it('takes access_token and expires_in', async () => {
    let now = 0;
    const token: Handler = (_, response) => response.end('{"access_token":"t1","expires_in":300}');
    const server = await bearerRegistry({ token });
    const target = targetAt(server.host, clientWith(password, { clock: () => now }));
    for (now of [0, 289_000, 291_000]) await target.has(descriptor);
    expect(tokenRequests(server)).toHaveLength(2);
  });

  it('gets a new token once when the registry no longer takes the old one', async () => {
    let revoked = '';
    const server = await bearerRegistry({ accepts: (proof) => proof !== undefined && proof !== revoked });
    const target = targetAt(server.host, clientWith(password));
    await target.has(descriptor);
    revoked = 'Bearer t1';
    await target.has(descriptor);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer t2');
  });

  it('does not go on for ever when no token is good enough', async () => {
    const server = await bearerRegistry({ accepts: () => false });
    await expect(targetAt(server.host, clientWith(password)).has(descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
    });
    expect(tokenRequests(server).length).toBeLessThanOrEqual(2);
  });

  it('sends a blob again, from its beginning, when the token ran out under it', async () => {
    let puts = 0;
    const accepts = (proof: string | undefined, url: string) => {
      if (url.startsWith('/upload')) puts += 1;
      return proof !== undefined && (!url.startsWith('/upload') || puts > 1);
    };
    const server = await bearerRegistry({ accepts });
    let opened = 0;
    const open = async () => {
      opened += 1;
      return Readable.from([bytes], { objectMode: false });
    };
    const result = await targetAt(server.host, clientWith(password)).put(
      { open, reopenable: true },
      descriptor,
    );
    expect([result.outcome, opened]).toEqual(['sent', 2]);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer t2');
  });

  it('asks for what the registry says is lacking', async () => {
    const wanted = 'repository:team/app:pull,delete';
    const server: TestServer = await serve((request, response) => {
      const scopes = new URL(request.url ?? '', 'http://x').searchParams.getAll('scope');
      if (request.url?.startsWith('/token')) {
        return response.end(JSON.stringify({ token: scopes.includes(wanted) ? 'wide' : 'narrow' }));
      }
      if (request.headers.authorization === 'Bearer wide') return response.writeHead(404).end();
      const challenge = `Bearer realm="http://${request.headers.host}/token",scope="${wanted}",error="insufficient_scope"`;
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    expect(await targetAt(server.host, clientWith(password)).has(descriptor)).toBe(false);
  });

  it.each([
    [
      'refuses',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(401).end(),
      'REGISTRY_UNAUTHORIZED',
    ],
    [
      'denies',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(403).end(),
      'REGISTRY_DENIED',
    ],
    [
      'breaks',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(503).end(),
      'REGISTRY_UNAVAILABLE',
    ],
    [
      'talks nonsense',
      (_: unknown, response: Parameters<Handler>[1]) => response.end('hunter2'),
      'REGISTRY_PROTOCOL',
    ],
    [
      'gives no token',
      (_: unknown, response: Parameters<Handler>[1]) => response.end('{}'),
      'REGISTRY_PROTOCOL',
    ],
    [
      'gives a bad token',
      (_: unknown, response: Parameters<Handler>[1]) => response.end('{"token":"a\\nb"}'),
      'REGISTRY_PROTOCOL',
    ],
    [
      'goes on for ever',
      (_: unknown, response: Parameters<Handler>[1]) => response.end('x'.repeat(300_000)),
      'REGISTRY_PROTOCOL',
    ],
    [
      'sends us on',
      (_: unknown, response: Parameters<Handler>[1]) =>
        response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'REGISTRY_PROTOCOL',
    ],
  ])('says so when the token server %s', async (_what, token, code) => {
    const server = await bearerRegistry({ token });
    const error = await targetAt(server.host, clientWith(password))
      .has(descriptor)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining('token server') });
    expect(String(error)).not.toContain('hunter2');
  });

  it('trades an identity token by POST, and by GET where there is no POST', async () => {
    const forms: string[] = [];
    const token: Handler = async (request, response) => {
      if (request.method === 'GET') return response.end('{"token":"t2"}');
      forms.push(await text(request));
      if (forms.length > 1) return response.writeHead(404).end();
      return response.end('{"access_token":"t1"}');
    };
    const server = await bearerRegistry({ token });
    await targetAt(server.host, clientWith(identity)).has(descriptor);
    await targetAt(server.host, clientWith(identity)).has(descriptor);
    expect(forms[0]).toBe(
      'grant_type=refresh_token&client_id=dogwood&service=reg&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=refresh',
    );
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer t2');
  });

  it('sends a registry token as it is', async () => {
    const server = await bearerRegistry();
    await targetAt(server.host, clientWith({ kind: 'bearer', token: 't9', source: 'x' })).has(descriptor);
    expect(tokenRequests(server)).toEqual([]);
  });
});

describe('a realm that a registry names', () => {
  it.each([
    ['without TLS on another machine', 'http://tokens.example/token'],
    ['that is no address', 'nowhere:at all'],
    ['that is a file', 'file:///etc/passwd'],
  ])('%s gets no credentials', async (_what, realm) => {
    const server = await bearerRegistry({ realm: () => realm });
    await expect(targetAt(server.host, clientWith(password)).has(descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      message: expect.stringContaining('no credentials are sent there'),
    });
  });

  it('on another host than a registry without TLS gets no credentials', async () => {
    const realm = await bearerRegistry();
    const server = await bearerRegistry({ realm: () => `${realm.url}/token` });
    // A name that is no loopback name, and yet leads here.
    const port = server.host.split(':')[1];
    const http = createHttpClient({ lookup: loopback });
    const host = `plain.example:${port}`;
    const client = clientWith(password, {}, { http, insecureHosts: [host] });
    await expect(targetAt(host, client).has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(realm.requests).toEqual([]);
  });
});

describe('plain HTTP', () => {
  it('is not spoken to a host that nobody named', async () => {
    const server = await serve((_, response) => response.end());
    const http = createHttpClient({ lookup: loopback });
    const host = `plain.example:${server.host.split(':')[1]}`;
    await expect(targetAt(host, clientWith(password, {}, { http })).ping()).rejects.toMatchObject({
      code: 'REGISTRY_TLS',
    });
    expect(server.requests).toEqual([]);
    await targetAt(host, clientWith(password, {}, { http, insecureHosts: ['plain.example'] })).ping();
  });

  describeWith(['openssl'], 'and TLS', () => {
    it('is not spoken to a loopback registry whose certificate is not trusted', async () => {
      const own = await selfSigned();
      const server = await serve((_, response) => response.end(), own);
      await expect(targetAt(server.host, clientWith(password)).ping()).rejects.toMatchObject({
        code: 'REGISTRY_TLS',
      });
      const http = createHttpClient({ ca: [own.cert] });
      await targetAt(server.host, clientWith(password, {}, { http })).ping();
    });
  });
});
