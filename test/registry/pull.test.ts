import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { digestOf, parseDigest } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { blobOf, randomBlob } from '../contract/target.ts';
import { type Handler, serve } from '../helpers/http-server.ts';

/** A registry that answers everything but its ping with one handler. */
function registry(handler: Handler) {
  return serve((request, response) => (request.url === '/v2/' ? response.end() : handler(request, response)));
}

function targetAt(host: string, limits: HttpClientOptions = {}) {
  const http = createHttpClient(limits);
  onTestFinished(() => http.close());
  const retry = { baseDelay: 1, attempts: 3 };
  const credential = { kind: 'password', username: 'me', password: 'hunter2', source: 'test' } as const;
  const credentials = { find: async () => credential, places: 'test' };
  const client = createRegistryClient({ http, retry, credentials });
  return createRegistryTarget({ client, reference: { registry: host, repository: 'team/app' } });
}

const { descriptor, bytes } = randomBlob(200_000);
const manifest = blobOf('{"schemaVersion":2}', MEDIA_TYPES.ociManifest);
const html = { 'content-type': 'text/html; charset=utf-8' };

describe('a blob from a registry', () => {
  it('is the bytes of the wire even when Content-Encoding is set', async () => {
    const zipped = gzipSync('layer');
    const blob = blobOf(zipped);
    const server = await registry((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped),
    );
    const got = await buffer(await targetAt(server.host).open(blob.descriptor));
    expect(Buffer.compare(got, zipped)).toBe(0);
  });

  it('comes from where the registry sends us, without the proof meant for the registry', async () => {
    const storage = await serve((_, response) => response.end(bytes));
    const server = await registry((request, response) =>
      request.headers.authorization === undefined
        ? response.writeHead(401, { 'www-authenticate': 'Basic realm=x' }).end()
        : response.writeHead(307, { location: `${storage.url}/signed?s=1` }).end(),
    );
    await buffer(await targetAt(server.host).open(descriptor));
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it.each([true, false])(
    'is let go of with its connection before it is read (verify: %s)',
    async (verify) => {
      const large = randomBlob(8_000_000);
      const closed = Promise.withResolvers<boolean>();
      const server = await registry((_, response) => {
        response.once('close', () => closed.resolve(response.writableFinished)).end(large.bytes);
      });
      const stream = await targetAt(server.host).open(large.descriptor, { verify });
      stream.destroy();
      expect(await closed.promise).toBe(false);
    },
  );

  it('fails when the bytes are others', async () => {
    const server = await registry((_, response) => response.end(Buffer.from(bytes).reverse()));
    const target = targetAt(server.host);
    await expect(buffer(await target.open(descriptor))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await buffer(await target.open(descriptor, { verify: false }))).toHaveLength(bytes.length);
  });

  it('fails before the first byte when its length is another', async () => {
    const server = await registry((_, response) => response.end(bytes.subarray(1)));
    await expect(targetAt(server.host).open(descriptor)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  /** Cuts after so many bytes of what it was asked for, `times` times. */
  function cutting(times: number, after = 70_000): Handler {
    let cuts = 0;
    return (request, response) => {
      const from = Number(/^bytes=(\d+)-\d+$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const part = bytes.subarray(from);
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': part.length,
        ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
      });
      cuts += 1;
      if (cuts > times) return response.end(part);
      return response.write(part.subarray(0, after), () => request.socket.end());
    };
  }

  it('is taken up again where it broke', async () => {
    const server = await registry(cutting(2));
    const got = await buffer(await targetAt(server.host).open(descriptor));
    expect(Buffer.compare(got, bytes)).toBe(0);
    expect(server.requests.slice(2).map(({ headers }) => headers.range)).toEqual([
      `bytes=70000-${bytes.length - 1}`,
      `bytes=140000-${bytes.length - 1}`,
    ]);
  });

  it('is taken up again where an answer ended early without any error', async () => {
    const server = await registry((request, response) => {
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (from === 0) return response.writeHead(200).end(bytes.subarray(0, 70_000));
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      return response.writeHead(206, { 'content-range': range }).end(bytes.subarray(from));
    });
    const got = await buffer(await targetAt(server.host).open(descriptor));
    expect(Buffer.compare(got, bytes)).toBe(0);
  });

  it.each([
    ['all of it, for it knows no ranges', () => [200, 0, undefined] as const],
    ['from an earlier byte on', (from: number) => [206, from - 1000, from - 1000] as const],
    ['without saying from where', (from: number) => [206, from, undefined] as const],
  ])('is taken up again where the registry then sends %s', async (_what, answered) => {
    const server = await registry((request, response) => {
      const asked = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (asked === 0) {
        response.writeHead(200, { 'content-length': bytes.length });
        return response.write(bytes.subarray(0, 70_000), () => request.socket.end());
      }
      const [status, from, said] = answered(asked);
      const range =
        said === undefined ? {} : { 'content-range': `bytes ${said}-${bytes.length - 1}/${bytes.length}` };
      // An ETag may be another each time: what the bytes are, their digest says.
      return response.writeHead(status, { etag: `"${Math.random()}"`, ...range }).end(bytes.subarray(from));
    });
    const got = await buffer(await targetAt(server.host).open(descriptor));
    expect(Buffer.compare(got, bytes)).toBe(0);
  });

  it('fails when the registry sends only what comes later', async () => {
    const server = await registry((request, response) => {
      if (request.headers.range === undefined) {
        response.writeHead(200, { 'content-length': bytes.length });
        return response.write(bytes.subarray(0, 70_000), () => request.socket.end());
      }
      const range = `bytes 150000-${bytes.length - 1}/${bytes.length}`;
      return response.writeHead(206, { 'content-range': range }).end(bytes.subarray(150_000));
    });
    const whole = buffer(await targetAt(server.host).open(descriptor));
    await expect(whole).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('goes on for as long as it gets further', async () => {
    const large = randomBlob(12 * 1024 * 1024);
    let cuts = 0;
    const server = await registry((request, response) => {
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const part = large.bytes.subarray(from);
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': part.length,
        ...(from > 0 && { 'content-range': `bytes ${from}-${large.bytes.length - 1}/${large.bytes.length}` }),
      });
      if (part.length < 1_500_000) return response.end(part);
      cuts += 1;
      return response.write(part.subarray(0, 1_500_000), () => request.socket.end());
    });
    const got = await buffer(await targetAt(server.host).open(large.descriptor));
    expect(Buffer.compare(got, large.bytes)).toBe(0);
    // Three tries are all that one thing is worth here.
    expect(cuts).toBeGreaterThan(5);
  });

  it('fails when it breaks too often', async () => {
    const server = await registry(cutting(99, 20_000));
    const whole = buffer(await targetAt(server.host).open(descriptor));
    await expect(whole).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('fails when the registry has no part to give', async () => {
    const server = await registry((request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      return response.write(bytes.subarray(0, 70_000), () => request.socket.end());
    });
    const whole = buffer(await targetAt(server.host).open(descriptor));
    await expect(whole).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('fails when the answer stalls', async () => {
    const server = await registry((_, response) => response.write('x'));
    const whole = buffer(await targetAt(server.host, { idleTimeout: 30 }).open(descriptor));
    await expect(whole).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});

describe('what a tag names', () => {
  const headers = {
    'content-type': `${MEDIA_TYPES.ociManifest}; charset=utf-8`,
    'docker-content-digest': manifest.descriptor.digest,
    'content-length': String(manifest.bytes.length),
  };

  it('is told by one HEAD that takes every type', async () => {
    const server = await registry((_, response) => response.writeHead(200, headers).end());
    expect(await targetAt(server.host).resolve('v1')).toEqual(manifest.descriptor);
    expect(server.lines().slice(1)).toEqual(['HEAD /v2/team/app/manifests/v1']);
    for (const type of ['ociIndex', 'ociManifest', 'dockerManifestList', 'dockerManifest'] as const) {
      expect(server.requests[1]?.headers.accept).toContain(MEDIA_TYPES[type]);
    }
  });

  it('is hashed where the registry does not tell', async () => {
    const server = await registry((_, response) =>
      response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest }).end(manifest.bytes),
    );
    expect(await targetAt(server.host).resolve('v1')).toEqual(manifest.descriptor);
  });

  it('is asked for again when its bytes are cut, and never a bug of ours', async () => {
    let cuts = 2;
    const server = await registry((request, response) => {
      response.writeHead(200, { ...headers, 'content-length': 100_000, 'docker-content-digest': 'unknown' });
      if (request.method === 'HEAD') return response.end();
      if (cuts-- > 0) return response.write('{', () => request.socket.end());
      return response.end(Buffer.alloc(100_000));
    });
    expect(await targetAt(server.host).resolve('v1')).toMatchObject({ size: 100_000 });
    cuts = 99;
    await expect(targetAt(server.host).resolve('v1')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('is no web page', async () => {
    const server = await registry((_, response) => response.writeHead(200, html).end('<html>'));
    await expect(targetAt(server.host).resolve('v1')).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
  });

  it('is nothing when there is nothing', async () => {
    const server = await registry((_, response) => response.writeHead(404).end());
    expect(await targetAt(server.host).resolve('v1')).toBeUndefined();
  });

  it('is what was asked for when the registry tells its digest in another algorithm', async () => {
    const server = await registry((_, response) => response.writeHead(200, headers).end());
    const digest = parseDigest(`sha512:${'0'.repeat(128)}`);
    expect(await targetAt(server.host).resolve(digest)).toEqual({ ...manifest.descriptor, digest });
  });

  it('is refused when a digest is asked for and another answers', async () => {
    const server = await registry((_, response) => response.writeHead(200, headers).end());
    await expect(targetAt(server.host).resolve(digestOf('other'))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });
});

describe('a registry that will not', () => {
  const error = (code: string) => JSON.stringify({ errors: [{ code, message: 'the words' }] });
  it.each([
    [401, '', 'REGISTRY_UNAUTHORIZED'],
    [403, error('DENIED'), 'REGISTRY_DENIED'],
    [403, '<html>Forbidden</html>', 'REGISTRY_DENIED'],
    [400, error('NAME_INVALID'), 'REGISTRY_REFUSED'],
    [400, '<!doctype html>', 'REGISTRY_PROTOCOL'],
    [418, 'teapot', 'REGISTRY_REFUSED'],
    [204, '', 'REGISTRY_PROTOCOL'],
    [429, error('TOOMANYREQUESTS'), 'REGISTRY_RATE_LIMITED'],
    [408, '', 'REGISTRY_UNAVAILABLE'],
    [500, '', 'REGISTRY_UNAVAILABLE'],
    [503, '<html>', 'REGISTRY_UNAVAILABLE'],
  ])('%i %s is %s', async (status, body, code) => {
    const server = await registry((_, response) => response.writeHead(status).end(body));
    await expect(targetAt(server.host).open(descriptor)).rejects.toMatchObject({ code });
  });

  it('is quoted on one line, without what a terminal acts on, and not at length', async () => {
    const words = `\u001b[31mred\u001b[0m\nnext${'x'.repeat(100_000)}`;
    const server = await registry((_, response) => response.writeHead(400).end(words));
    const failure = String(
      await targetAt(server.host)
        .open(descriptor)
        .catch((thrown: unknown) => thrown),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(failure).not.toMatch(/[\u0000-\u001f]/);
    expect(failure).toContain('red');
    expect(failure.length).toBeLessThan(600);
  });

  it('is believed when it says how long to wait, in seconds or by the clock', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const waits = ['7', 'Thu, 01 Jan 2026 00:00:16 GMT', '99999'];
    const server = await registry((_, response) => {
      const wait = waits.shift();
      return wait === undefined
        ? response.writeHead(404).end()
        : response.writeHead(429, { 'retry-after': wait }).end();
    });
    const slept: number[] = [];
    const sleep = async (milliseconds: number) => {
      slept.push(milliseconds);
      now += milliseconds;
    };
    const http = createHttpClient();
    onTestFinished(() => http.close());
    const client = createRegistryClient({ http, retry: { sleep, clock: () => now } });
    const target = createRegistryTarget({
      client,
      reference: { registry: server.host, repository: 'team/app' },
    });
    expect(await target.has(descriptor)).toBe(false);
    expect(slept).toEqual([7_000, 9_000, 120_000]);
  });

  it.each([
    [
      'a web page',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(404, html).end('<html>'),
      'REGISTRY_PROTOCOL',
    ],
    [
      'a web page that is fine',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(204).end(),
      'REGISTRY_PROTOCOL',
    ],
    [
      'a login page',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(401).end('<html>'),
      'REGISTRY_PROTOCOL',
    ],
    [
      'trouble',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(502).end(),
      'REGISTRY_UNAVAILABLE',
    ],
    [
      'a circle',
      (_: unknown, response: Parameters<Handler>[1]) => response.writeHead(302, { location: '/v2/' }).end(),
      'REGISTRY_PROTOCOL',
    ],
  ])('is told from a registry by its ping: %s', async (_what, handler, code) => {
    const server = await serve(handler);
    await expect(targetAt(server.host).ping()).rejects.toMatchObject({ code });
  });

  it('is out of reach when nobody listens', async () => {
    await expect(targetAt('127.0.0.1:1').ping()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});

describe('a HEAD that is refused', () => {
  const fault = (message: string) => JSON.stringify({ errors: [{ code: 'DENIED', message }] });

  it('is asked again as a GET, for the words of the registry are in a body only', async () => {
    const server = await registry((_, response) =>
      response.writeHead(403).end(fault('ask Alice for a seat')),
    );
    const target = targetAt(server.host);
    const denied = {
      code: 'REGISTRY_DENIED',
      message: expect.stringContaining('ask Alice for a seat'),
    };
    await expect(target.has(descriptor)).rejects.toMatchObject(denied);
    await expect(target.resolve('v1')).rejects.toMatchObject(denied);
  });

  it.each([400, 403, 405])('because it is one (%d) is no refusal of a manifest', async (status) => {
    const server = await registry((request, response) =>
      request.method === 'HEAD'
        ? response.writeHead(status).end()
        : response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end('{}'),
    );
    expect(await targetAt(server.host).resolve('v1')).toMatchObject({ size: 2 });
  });
});
