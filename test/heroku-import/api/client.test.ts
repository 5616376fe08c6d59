import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { herokuAddress } from '../../../src/heroku-import/api/address.ts';
import { createHerokuApi } from '../../../src/heroku-import/api/client.ts';
import { appDocument } from '../../../src/heroku-import/api/documents.ts';
import { createHttpClient } from '../../../src/net/http.ts';
import { DEFAULT_RETRY } from '../../../src/registry/http/retry.ts';
import { makeWorld } from '../../helpers/heroku/make-world.ts';
import type { PlatformApiOptions } from '../../helpers/heroku/platform-api.ts';
import { startPlatformApi } from '../../helpers/heroku/start-platform-api.ts';
import { serve } from '../../helpers/http-server.ts';

const SLUG = { file: '/none', sha256: 'ab'.repeat(32), size: 5, processTypes: { web: 'x' } };
const TOKEN = 'HRKU-of-this-test';

/** A client over a world, in a time that passes only while somebody sleeps. */
async function connect(options: Partial<PlatformApiOptions> = {}, token = TOKEN) {
  let now = 1_700_000_000_000;
  const slept: number[] = [];
  const waits: number[] = [];
  const made = makeWorld({ apps: 12, slugs: [SLUG] });
  const platform = await startPlatformApi({ world: () => made, token: TOKEN, clock: () => now, ...options });
  const client = clientOf(platform.url, token, {
    clock: () => now,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      now += milliseconds;
    },
    onWait: (milliseconds) => waits.push(milliseconds),
  });
  return { client, platform, slept, waits, made };
}

function clientOf(
  url: string,
  token: string,
  more: {
    clock?: () => number;
    sleep?: (milliseconds: number) => Promise<void>;
    onWait?: (milliseconds: number) => void;
  } = {},
) {
  const { clock = Date.now, sleep = async () => {} } = more;
  return createHerokuApi({
    http: createHttpClient(),
    address: herokuAddress(url),
    token,
    retry: { ...DEFAULT_RETRY, clock, sleep, random: () => 0 },
    signal: new AbortController().signal,
    onWait: more.onWait,
  });
}

const anything = z.looseObject({});

describe('the client of the Platform API', () => {
  test('reads a list to its end, page after page', async () => {
    const made = makeWorld({ apps: 450, slugs: [SLUG] });
    const { client, platform } = await connect({ world: () => made });
    const apps = await client.list('/apps', appDocument);
    const open = made.apps.filter(({ access }) => access === 'full');
    expect(apps.map(({ name }) => name).sort()).toEqual(open.map(({ name }) => name));
    expect(platform.requests.map(({ headers }) => headers.range?.slice(0, 4))).toEqual([
      undefined,
      'id ]',
      'id ]',
    ]);
  });

  test('asks for a part of a list, and takes no more', async () => {
    const { client, platform } = await connect();
    const range = 'version ..; order=desc, max=1';
    const releases = await client.list('/apps/app-0000/releases', z.object({ version: z.number() }), {
      range,
    });
    expect(releases).toEqual([{ version: 2 }]);
    expect(platform.requests).toHaveLength(1);
  });

  test('waits while the account has no calls left, and goes on', async () => {
    const { client, slept, waits } = await connect({ rateLimit: { size: 2, refill: 60 } });
    for (let i = 0; i < 4; i += 1) await client.get('/account', anything);
    // Two calls at once; then 15 s, in which 15 come back.
    expect(slept).toEqual([15_000]);
    expect(waits).toEqual([15_000]);
    expect(client.usage()).toEqual({ calls: 5, remaining: 0 });
  });

  test('one pause is told of when many calls are refused', async () => {
    const { client, waits } = await connect({ rateLimit: { size: 6, refill: 600 } });
    await Promise.all(Array.from({ length: 12 }, () => client.get('/account', anything)));
    expect(waits).toEqual([15_000]);
  });

  test.each([
    ['a 503', { status: 503, body: '<html>maintenance</html>' }],
    ['a cut connection', 'cut' as const],
    ['a 500 that is JSON', { status: 500, body: '{"id":"internal","message":"oops"}' }],
  ])('tries again after %s', async (_name, fault) => {
    const { client, platform } = await connect({ fault: (_path, count) => (count < 3 ? fault : undefined) });
    await client.get('/account', anything);
    expect(platform.requests).toHaveLength(3);
  });

  test.each([
    ['HEROKU_UNAVAILABLE', { status: 503, body: 'no' }, 5],
    ['HEROKU_PROTOCOL', { status: 200, body: 'Hello' }, 1],
    ['HEROKU_PROTOCOL', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' }, 1],
    ['HEROKU_PROTOCOL', { status: 422, body: '{"id":"invalid_params","message":"no"}' }, 1],
    ['HEROKU_NOT_FOUND', { status: 404, body: '{"id":"not_found","message":"no"}' }, 1],
    ['HEROKU_FORBIDDEN', { status: 403, body: '{"id":"forbidden","message":"no"}' }, 1],
  ])('%s for an answer like %j', async (code, fault, tries) => {
    const { client, platform } = await connect({ fault: () => fault });
    await expect(client.get('/account', anything)).rejects.toMatchObject({ code });
    expect(platform.requests).toHaveLength(tries);
  });

  test('tells the id, the message and the request of a refusal', async () => {
    const fault = {
      status: 422,
      headers: { 'request-id': 'abc-123' },
      body: '{"id":"invalid_params","message":"Name is\\u001b[31m odd"}',
    };
    const { client } = await connect({ fault: () => fault });
    const message = '/account: 422 invalid_params: Name is [31m odd (request abc-123)';
    await expect(client.get('/account', anything)).rejects.toMatchObject({ message });
  });

  test.each([
    ['a wrong token', { token: 'another one' }, 'HEROKU_UNAUTHORIZED'],
    ['a second factor', { twoFactor: true }, 'HEROKU_TWO_FACTOR'],
    ['a narrow scope', { scope: 'read' as const }, 'HEROKU_FORBIDDEN'],
  ])('explains %s, and shows no token', async (_name, options, code) => {
    const { client } = await connect(options);
    const call = client.get('/apps/app-0000/config-vars', anything);
    await expect(call).rejects.toMatchObject({ code });
    await expect(call).rejects.not.toMatchObject({ message: expect.stringContaining(TOKEN) });
  });

  test('a document of another shape is refused by the field, without its value', async () => {
    const { client } = await connect({
      fault: () => ({ status: 200, body: '{"id":"x","name":{"secret":1}}' }),
    });
    const call = client.get('/apps/x', z.object({ id: z.string(), name: z.string() }));
    await expect(call).rejects.toMatchObject({
      code: 'HEROKU_PROTOCOL',
      message: expect.stringContaining('/apps/x: name:'),
    });
    await expect(call).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  });

  test('the token goes to its own host only, never along a redirect', async () => {
    const other = await serve((_request, response) => response.end('{}'));
    const first = await serve((_request, response) => {
      response.writeHead(307, { location: `${other.url}/account` }).end();
    });
    const client = clientOf(first.url, TOKEN);
    await expect(client.get('/account', anything)).rejects.toMatchObject({ code: 'HEROKU_PROTOCOL' });
    expect(first.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(other.requests).toEqual([]);
    await expect(client.get(`${other.url}/account`, anything)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(other.requests).toEqual([]);
  });

  test('an answer that does not end is cut off', async () => {
    const endless = await serve((_request, response) => {
      // Never ends by itself: it goes on for as long as somebody reads.
      Readable.from(spaces()).pipe(response);
    });
    const call = clientOf(endless.url, TOKEN).get('/account', anything);
    await expect(call).rejects.toMatchObject({ code: 'HEROKU_PROTOCOL' });
  });
});

function* spaces() {
  for (;;) yield Buffer.alloc(1024 * 1024, ' ');
}

test.each([
  ['https://api.heroku.com', 'https://api.heroku.com/'],
  [undefined, 'https://api.heroku.com/'],
  ['http://127.0.0.1:1234/x', 'http://127.0.0.1:1234/'],
])('the address %s is %s', (text, url) => {
  expect(herokuAddress(text).href).toBe(url);
});

test.each(['http://api.heroku.com', 'ftp://x', 'api.heroku.com', 'https://user:pw@api.heroku.com', ''])(
  'the address %s is refused',
  (text) => {
    expect(() => herokuAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);
