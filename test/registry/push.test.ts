import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { bytesContent, type Content } from '../../src/oci/content.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { blobOf, randomBlob } from '../contract/target.ts';
import { type Handler, serve } from '../helpers/http-server.ts';

type Method = 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'GET';

const answer =
  (status: number, headers: Record<string, string> = {}, body?: string): Handler =>
  async (request, response) => {
    await buffer(request);
    response.writeHead(status, headers).end(body);
  };

/** Answers in turn, the last one again and again. */
function inTurn(...handlers: readonly Handler[]): Handler {
  let next = 0;
  return (request, response) => {
    const handler = handlers[Math.min(next, handlers.length - 1)];
    next += 1;
    return handler?.(request, response);
  };
}

const fault = (code: string) => JSON.stringify({ errors: [{ code, message: `no: ${code}` }] });
const json = { 'content-type': 'application/json' };

/** A registry that has nothing and takes everything, but for what a test says otherwise. */
function registry(overrides: Partial<Record<Method, Handler>> = {}) {
  const defaults: Record<Method, Handler> = {
    GET: answer(200),
    HEAD: answer(404),
    POST: answer(202, { location: '/upload/1?_state=a%2Fb%3D' }),
    PATCH: answer(202, { location: '/upload/1?_state=next' }),
    PUT: answer(201),
    DELETE: answer(204),
  };
  return serve((request, response) => {
    const method = request.method as Method;
    if (request.url === '/v2/') return response.end();
    return (overrides[method] ?? defaults[method])(request, response);
  });
}

function targetAt(host: string, limits: HttpClientOptions = {}) {
  const http = createHttpClient(limits);
  onTestFinished(() => http.close());
  const client = createRegistryClient({ http, retry: { baseDelay: 1, attempts: 3 } });
  return createRegistryTarget({ client, reference: { registry: host, repository: 'team/app' } });
}

const slice = (lines: readonly string[]) => lines.slice(1);

/** Counts how often it is opened. */
function counted(bytes: Uint8Array, more: Partial<Content> = {}) {
  const count = { opened: 0 };
  const open = async () => {
    count.opened += 1;
    return Readable.from([bytes.subarray(0, 100), bytes.subarray(100)], { objectMode: false });
  };
  return { count, content: { open, reopenable: true, ...more } satisfies Content };
}

const blob = randomBlob(500);
const { descriptor, bytes } = blob;
const uploads = '/v2/team/app/blobs/uploads/';
const head = `HEAD /v2/team/app/blobs/${descriptor.digest}`;
const anywhere = `POST ${uploads}?mount=${encodeURIComponent(descriptor.digest)}`;
const digestQuery = `digest=${encodeURIComponent(descriptor.digest)}`;

describe('a blob on its way into a registry', () => {
  it('is one PUT with its length when digest and size are known; the query of the session is kept', async () => {
    const server = await registry();
    await targetAt(server.host).put(bytesContent(bytes), descriptor);
    expect(slice(server.lines())).toEqual([head, anywhere, `PUT /upload/1?_state=a%2Fb%3D&${digestQuery}`]);
    expect(server.requests.at(-1)?.headers).toMatchObject({
      'content-length': '500',
      'content-type': 'application/octet-stream',
    });
  });

  it('is one PATCH of no stated range, and the digest named at the end, when it is not known', async () => {
    const server = await registry();
    const { content } = counted(bytes, { reopenable: false });
    const result = await targetAt(server.host).put(content, { mediaType: descriptor.mediaType });
    expect(result).toEqual({ descriptor, outcome: 'sent' });
    expect(slice(server.lines())).toEqual([
      `POST ${uploads}`,
      'PATCH /upload/1?_state=a%2Fb%3D',
      `PUT /upload/1?_state=next&${digestQuery}`,
    ]);
    const patch = server.requests.at(-2)?.headers;
    expect(patch?.['transfer-encoding']).toBe('chunked');
    expect(patch?.['content-range']).toBeUndefined();
  });

  it('is not opened when it is there already; another size is another blob', async () => {
    const server = await registry({ HEAD: answer(200, { 'content-length': '500' }) });
    const { content, count } = counted(bytes);
    const target = targetAt(server.host);
    expect(await target.put(content, descriptor)).toEqual({ descriptor, outcome: 'existing' });
    expect(count.opened).toBe(0);
    expect(await target.has(descriptor)).toBe(true);
    expect(await target.has({ ...descriptor, size: 7 })).toBe(false);
  });

  it('goes to a session on another host, without the proof meant for the registry', async () => {
    const storage = await registry();
    const server = await registry({
      GET: answer(200),
      POST: (request, response) =>
        request.headers.authorization === undefined
          ? response.writeHead(401, { 'www-authenticate': 'Basic realm=x' }).end()
          : response.writeHead(202, { location: `${storage.url}/store?sig=1` }).end(),
    });
    const http = createHttpClient();
    onTestFinished(() => http.close());
    const credential = { kind: 'password', username: 'me', password: 'x', source: 'test' } as const;
    const credentials = { find: async () => credential, places: 'test' };
    const client = createRegistryClient({ http, credentials, retry: { attempts: 1 } });
    const target = createRegistryTarget({
      client,
      reference: { registry: server.host, repository: 'team/app' },
    });
    await target.put(bytesContent(bytes), descriptor);
    expect(storage.lines()).toEqual([`PUT /store?sig=1&${digestQuery}`]);
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('follows a redirect of the upload itself with its source opened again', async () => {
    const storage = await registry();
    const server = await registry({ PUT: answer(307, { location: `${storage.url}/moved` }) });
    const { content, count } = counted(bytes);
    await targetAt(server.host).put(content, descriptor);
    expect([storage.lines(), count.opened]).toEqual([['PUT /moved'], 2]);
  });

  it('is sent once when several want it at once', async () => {
    const server = await registry();
    const target = targetAt(server.host);
    const { content, count } = counted(bytes);
    const results = await Promise.all([1, 2, 3].map(() => target.put(content, descriptor)));
    expect(results.map(({ outcome }) => outcome)).toEqual(['sent', 'existing', 'existing']);
    expect(count.opened).toBe(1);
  });
});

describe('a blob that may be mounted', () => {
  const origins = (host: string) => [
    { registry: host, repository: 'team/other' },
    { registry: 'other.example', repository: 'team/far' },
    { registry: host, repository: 'team/app' },
  ];
  const mountLine = `POST ${uploads}?mount=${encodeURIComponent(descriptor.digest)}&from=team%2Fother`;

  it('is mounted', async () => {
    const server = await registry({ POST: answer(201, { 'docker-content-digest': descriptor.digest }) });
    const { content, count } = counted(bytes, { origins: origins(server.host) });
    const result = await targetAt(server.host).put(content, descriptor);
    expect([result.outcome, count.opened]).toEqual(['mounted', 0]);
    expect(slice(server.lines())).toEqual([head, mountLine]);
  });

  it('is looked for where the registry says yes and not to what', async () => {
    const server = await registry({
      POST: answer(201),
      HEAD: inTurn(answer(404), answer(200, { 'content-length': '500' })),
    });
    const { content, count } = counted(bytes, { origins: origins(server.host) });
    const result = await targetAt(server.host).put(content, descriptor);
    expect([result.outcome, count.opened]).toEqual(['mounted', 0]);
    expect(slice(server.lines())).toEqual([head, mountLine, head]);
  });

  it('is sent into the session that a 202 opened', async () => {
    const server = await registry();
    const { content } = counted(bytes, { origins: origins(server.host) });
    expect((await targetAt(server.host).put(content, descriptor)).outcome).toBe('sent');
    expect(slice(server.lines())).toEqual([head, mountLine, `PUT /upload/1?_state=a%2Fb%3D&${digestQuery}`]);
  });

  it.each([
    ['400', answer(400, json, fault('BLOB_UNKNOWN'))],
    ['401', answer(401, { 'www-authenticate': 'Basic realm=x' })],
    ['403', answer(403, json, fault('DENIED'))],
    ['404', answer(404, json, fault('NAME_UNKNOWN'))],
    ['500', answer(500)],
    ['a 202 to nowhere', answer(202)],
    ['a cut', (request: Parameters<Handler>[0]) => request.socket.destroy()],
    ['another blob', answer(201, { 'docker-content-digest': blobOf('other').descriptor.digest })],
  ])('is sent as usual after %s', async (_what, refusal) => {
    const server = await registry({ POST: inTurn(refusal, answer(202, { location: 'session?x=1' })) });
    const { content } = counted(bytes, { origins: origins(server.host) });
    expect((await targetAt(server.host).put(content, descriptor)).outcome).toBe('sent');
    expect(server.lines().slice(-2)).toEqual([`POST ${uploads}`, `PUT ${uploads}session?x=1&${digestQuery}`]);
  });
});

describe('an upload that breaks', () => {
  it.each([
    [
      'a cut',
      (request: Parameters<Handler>[0]) => void request.once('data', () => request.socket.destroy()),
      // All had gone out: it may have come in.
      ['HEAD'],
    ],
    ['503', answer(503), ['HEAD']],
    ['429', answer(429, { 'retry-after': '0' }), []],
    ['408', answer(408), ['HEAD']],
  ])('starts over in a new session after %s, and gives up the old one', async (_what, trouble, asked) => {
    const server = await registry({ PUT: inTurn(trouble, answer(201)) });
    const { content, count } = counted(bytes);
    expect((await targetAt(server.host).put(content, descriptor)).outcome).toBe('sent');
    expect(count.opened).toBe(2);
    expect(server.lines().map((line) => line.split(' ')[0])).toEqual([
      'GET',
      'HEAD',
      'POST',
      'PUT',
      ...asked,
      'DELETE',
      'POST',
      'PUT',
    ]);
  });

  it('starts over when the registry does not know its own session any more, in whatever words', async () => {
    const server = await registry({ PUT: inTurn(answer(404), answer(201)) });
    const result = await targetAt(server.host).put(bytesContent(bytes), descriptor);
    expect(result.outcome).toBe('sent');
    expect(server.lines().filter((line) => line.startsWith('POST'))).toHaveLength(2);
  });

  it('is not tried again with a source that can be read once', async () => {
    const server = await registry({ PUT: answer(503) });
    const { content, count } = counted(bytes, { reopenable: false });
    await expect(targetAt(server.host).put(content, descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
    });
    expect(count.opened).toBe(1);
  });

  it('opens a session again even for a source that can be read once, as long as it was not', async () => {
    const server = await registry({ POST: inTurn(answer(503), answer(202, { location: '/upload/2' })) });
    const { content } = counted(bytes, { reopenable: false });
    expect((await targetAt(server.host).put(content, descriptor)).outcome).toBe('sent');
  });

  it.each([
    ['known', { ...descriptor }],
    ['unknown', { mediaType: descriptor.mediaType }],
  ])('surfaces what the source says and cancels the session (digest %s)', async (_what, expected) => {
    const server = await registry();
    const open = async () =>
      Readable.from(
        (async function* () {
          yield bytes.subarray(0, 200);
          yield bytes.subarray(200, 300);
          throw new Error('the pipe broke');
        })(),
        { objectMode: false },
      );
    const content = { open, reopenable: true };
    await expect(targetAt(server.host).put(content, expected)).rejects.toThrow('the pipe broke');
    expect(server.lines()).toContain('DELETE /upload/1?_state=a%2Fb%3D');
    expect(server.lines().filter((line) => line.startsWith('POST'))).toHaveLength(1);
  });

  it('looks again before a refusal counts: somebody else may have brought the blob', async () => {
    const server = await registry({
      HEAD: inTurn(answer(404), answer(200, { 'content-length': '500' })),
      PUT: answer(400, json, fault('BLOB_UPLOAD_INVALID')),
    });
    const result = await targetAt(server.host).put(bytesContent(bytes), descriptor);
    expect(result).toEqual({ descriptor, outcome: 'existing' });
  });

  it.each([
    ['DIGEST_INVALID', 400, 'TRANSFER_DAMAGED'],
    ['SIZE_INVALID', 400, 'TRANSFER_DAMAGED'],
    ['DENIED', 403, 'REGISTRY_DENIED'],
    ['UNSUPPORTED', 405, 'REGISTRY_REFUSED'],
  ])('%s (%i) is %s, in the registry’s own words', async (code, status, expected) => {
    const server = await registry({ PUT: answer(status, json, fault(code)) });
    await expect(targetAt(server.host).put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining(`no: ${code}`),
    });
  });

  it('does not believe a registry that has kept something else', async () => {
    const server = await registry({
      PUT: answer(201, { 'docker-content-digest': blobOf('other').descriptor.digest }),
    });
    await expect(targetAt(server.host).put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
      code: 'TRANSFER_DAMAGED',
    });
  });

  it('ends in time when the registry never answers, and lets go', async () => {
    const server = await registry({ PUT: (request) => request.resume() });
    const target = targetAt(server.host, { headersTimeout: 30 });
    await expect(target.put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('needs a session to begin with', async () => {
    const server = await registry({ POST: answer(202) });
    await expect(targetAt(server.host).put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
    });
  });
});

describe('content that is not what was said', () => {
  it.each([
    ['known', { ...descriptor }, 'PUT'],
    ['digest known, size not', { ...descriptor, size: undefined }, 'PATCH'],
  ])('never becomes a whole request (%s)', async (_what, expected, method) => {
    let whole = 0;
    const counting: Handler = async (request, response) => {
      await buffer(request);
      whole += 1;
      response.writeHead(201).end();
    };
    const server = await registry({ [method]: counting });
    const { content } = counted(Buffer.from(bytes).reverse());
    await expect(targetAt(server.host).put(content, expected)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(server.lines().some((line) => line.startsWith(method))).toBe(true);
    expect(whole).toBe(0);
  });
});

describe('a manifest on its way into a registry', () => {
  const manifest = blobOf(JSON.stringify({ schemaVersion: 2 }), MEDIA_TYPES.ociManifest);
  const path = '/v2/team/app/manifests';

  it('is put by digest, then under its tag, without being fetched', async () => {
    const server = await registry({
      PUT: answer(201, { 'docker-content-digest': manifest.descriptor.digest }),
    });
    const target = targetAt(server.host);
    await target.put(bytesContent(manifest.bytes), manifest.descriptor);
    await target.tag(manifest.descriptor, 'v1');
    expect(slice(server.lines())).toEqual([
      `HEAD ${path}/${manifest.descriptor.digest}`,
      `PUT ${path}/${manifest.descriptor.digest}`,
      `HEAD ${path}/v1`,
      `PUT ${path}/v1`,
    ]);
    expect(server.requests.at(-1)?.headers['content-type']).toBe(MEDIA_TYPES.ociManifest);
  });

  it('is put once when the tag it will get is known', async () => {
    const server = await registry();
    const target = targetAt(server.host);
    const manifest = blobOf('{"schemaVersion":2}', MEDIA_TYPES.ociManifest);
    await target.put(bytesContent(manifest.bytes), manifest.descriptor, { tag: 'v1' });
    await target.tag(manifest.descriptor, 'v1');
    expect(slice(server.lines())).toEqual([`HEAD ${path}/${manifest.descriptor.digest}`, `PUT ${path}/v1`]);
  });

  it('is put by its digest all the same when a registry would name it by another', async () => {
    const server = await registry();
    const target = targetAt(server.host);
    const text = '{"schemaVersion":2}';
    const digest = parseDigest(`sha512:${createHash('sha512').update(text).digest('hex')}`);
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest, size: text.length };
    await target.put(bytesContent(Buffer.from(text)), descriptor, { tag: 'v1' });
    expect(slice(server.lines())).toContain(`PUT ${path}/${digest}`);
  });

  it('leaves a tag alone that is right already', async () => {
    const server = await registry({
      HEAD: answer(200, {
        'docker-content-digest': manifest.descriptor.digest,
        'content-length': String(manifest.bytes.length),
        'content-type': MEDIA_TYPES.ociManifest,
      }),
    });
    await targetAt(server.host).tag(manifest.descriptor, 'v1');
    expect(slice(server.lines())).toEqual([`HEAD ${path}/v1`]);
  });

  it.each([
    ['a missing blob', answer(404, json, fault('MANIFEST_BLOB_UNKNOWN')), 'BLOB_NOT_FOUND'],
    [
      'other bytes',
      answer(201, { 'docker-content-digest': blobOf('x').descriptor.digest }),
      'TRANSFER_DAMAGED',
    ],
    ['an invalid manifest', answer(400, json, fault('MANIFEST_INVALID')), 'REGISTRY_REFUSED'],
  ])('tells of %s', async (_what, put, code) => {
    const server = await registry({ PUT: put });
    await expect(
      targetAt(server.host).put(bytesContent(manifest.bytes), manifest.descriptor),
    ).rejects.toMatchObject({ code });
  });
});
