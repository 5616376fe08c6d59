import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../../src/net/http.ts';
import type { Credential } from '../../../src/registry/auth/credentials.ts';
import { fetchToken, type TokenRequest } from '../../../src/registry/auth/token.ts';
import { randomBlob } from '../../contract/target.ts';
import { type Handler, serve } from '../../helpers/http-server.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, realClient, targetAt } from '../pitfalls/client.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const identity: Credential = { kind: 'identity', username: '<token>', token: 'refresh', source: 'the test' };

/** A token server, and one question to it at NOW. */
async function tokenServer(handler: Handler) {
  const server = await serve(handler);
  const http = createHttpClient();
  onTestFinished(() => http.close());
  const request: TokenRequest = {
    registry: 'reg.example',
    realm: new URL(`${server.url}/token`),
    referrer: new URL(server.url),
    service: 'reg',
    scopes: ['repository:a:pull'],
    credential: undefined,
  };
  const ask = (changes: Partial<TokenRequest> = {}) =>
    fetchToken(http, { ...request, ...changes }, () => NOW);
  return { server, ask };
}

const json =
  (document: unknown): Handler =>
  (_, response) =>
    response.end(JSON.stringify(document));

describe('the life of a token', () => {
  const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
  it.each([
    ['is what is stated', { expires_in: 300 }, 290],
    ['is a minute when nothing is stated', {}, 50],
    ['is a minute at least', { expires_in: 5 }, 50],
    ['is a minute for nonsense', { expires_in: 'soon', issued_at: 7 }, 50],
    ['began when it was issued', { expires_in: 300, issued_at: at(-100) }, 190],
    ['begins now when it was issued in our future', { expires_in: 300, issued_at: at(3600) }, 290],
    ['begins now when by our clock it is over', { expires_in: 300, issued_at: at(-3600) }, 290],
  ])('%s', async (_what, stated, seconds) => {
    const { ask } = await tokenServer(json({ token: 't', ...stated }));
    expect((await ask()).usableUntil - NOW).toBe(seconds * 1000);
  });
});

describe('a question for a token', () => {
  it('has a parameter for each scope, or one for all', async () => {
    const { ask, server } = await tokenServer(json({ token: 't' }));
    const scopes = ['repository:a:pull', 'repository:b:pull'];
    await ask({ scopes });
    await ask({ scopes, joined: true });
    expect(server.requests.map(({ url }) => new URLSearchParams(url).getAll('scope'))).toEqual([
      scopes,
      ['repository:a:pull repository:b:pull'],
    ]);
  });

  it('never asks for a refresh token', async () => {
    const bodies: string[] = [];
    const { ask, server } = await tokenServer(async (request, response) => {
      bodies.push(await text(request));
      response.end('{"token":"t"}');
    });
    await ask();
    await ask({ credential: identity });
    expect(JSON.stringify([bodies, server.lines()])).not.toMatch(/offline/);
  });
});

describe('an identity token', () => {
  it.each([400, 401, 403, 404, 405, 501])('is shown by GET where POST says %d', async (status) => {
    const { ask, server } = await tokenServer((request, response) =>
      request.method === 'POST' ? response.writeHead(status).end() : response.end('{"token":"t"}'),
    );
    const withoutPost = new Set<string>();
    expect(await ask({ credential: identity, withoutPost })).toMatchObject({ value: 't' });
    expect(server.requests[1]?.headers.authorization).toBe(
      `Basic ${Buffer.from('<token>:refresh').toString('base64')}`,
    );
    await ask({ credential: identity, withoutPost });
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET']);
  });

  it.each([
    [401, 403, 'REGISTRY_UNAUTHORIZED'],
    [404, 403, 'REGISTRY_DENIED'],
    [503, 200, 'REGISTRY_UNAVAILABLE'],
    [429, 200, 'REGISTRY_RATE_LIMITED'],
  ])('that neither takes (POST %d, GET %d) is %s', async (post, get, code) => {
    const { ask } = await tokenServer((request, response) =>
      response.writeHead(request.method === 'POST' ? post : get).end('{"token":"t"}'),
    );
    const error = await ask({ credential: identity }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('refresh');
  });

  it('is replaced by the one that comes back', async () => {
    const shown: (string | null)[] = [];
    const server = await serve(async (request, response) => {
      if (request.url === '/token') {
        const form = new URLSearchParams(await text(request));
        shown.push(form.get('refresh_token'));
        return response.end(
          JSON.stringify({ access_token: 't', refresh_token: `refresh-${shown.length + 1}` }),
        );
      }
      if (request.headers.authorization === 'Bearer t') return response.writeHead(404).end();
      const challenge = `Bearer realm="http://${request.headers.host}/token"`;
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    const client = realClient({ credential: identity });
    for (const repository of ['a', 'b', 'c']) {
      await targetAt({ host: server.host } as never, repository, client).has(randomBlob(9).descriptor);
    }
    expect(shown).toEqual(['refresh', 'refresh-2', 'refresh-3']);
  });

  it('works at a registry that knows OAuth2, and at one that does not', async () => {
    for (const oauth2 of [true, false]) {
      const auth = { ...login, refreshTokens: { refresh: 'me' }, users: { '<token>': 'refresh' }, oauth2 };
      const registry = await quirkRegistry({ auth });
      const client = realClient({ credential: identity });
      expect(await targetAt(registry, 'app', client).has(randomBlob(9).descriptor)).toBe(false);
    }
  });
});
