import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { openToLoopback, requireToken } from '../../../src/registry/server/access.ts';
import { parseTokenFile } from '../../../src/registry/server/token-file.ts';
import { type ServedStore, serveStore } from '../../helpers/served-store.ts';
import { putSmallImage } from '../../helpers/small-image.ts';

const ALL = 'a-token-that-may-pull-all';
const TEAM = 'a-token-of-one-team-only';

async function served(): Promise<ServedStore> {
  const tokens = parseTokenFile(`# who may pull\n\n${ALL}\n${TEAM} team/* tools\n`, 'tokens');
  const made = await serveStore({ authorize: requireToken(tokens) });
  const { descriptor } = await putSmallImage(made.store);
  for (const name of ['team/app', 'teamwork', 'tools', 'other'])
    await made.store.tag(descriptor, `${name}:v1`);
  return made;
}

const basic = (password: string) => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`;
const statusWith = async ({ url }: ServedStore, path: string, authorization?: string) => {
  const answer = await fetch(
    `${url}${path}`,
    authorization === undefined ? {} : { headers: { authorization } },
  );
  return answer.status;
};

describe('with tokens', () => {
  it('nothing is told without one, and how to give one is', async () => {
    const made = await served();
    for (const path of ['/v2/', '/v2/other/tags/list', '/v2/nothing/tags/list']) {
      const answer = await fetch(`${made.url}${path}`);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Basic realm="dogwood", charset="UTF-8"',
      ]);
      expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    }
    expect((await fetch(`${made.url}/v2/other/manifests/v1`, { method: 'PUT', body: '{}' })).status).toBe(
      401,
    );
  });

  it.each([
    ['as a password', basic(ALL), 200],
    ['as a bearer', `Bearer ${ALL}`, 200],
    ['in lower case', `bearer ${ALL}`, 200],
    ['that is none', basic('a-token-that-nobody-has'), 401],
    ['that is longer', basic(`${ALL}!`), 401],
    ['that is empty', basic(''), 401],
    ['as a user name', `Basic ${Buffer.from(`${ALL}:`).toString('base64')}`, 401],
    ['in another scheme', `Digest ${ALL}`, 401],
    ['in base64 that is none', 'Basic %%%', 401],
  ])('one %s', async (_, authorization, status) => {
    expect(await statusWith(await served(), '/v2/other/manifests/v1', authorization)).toBe(status);
  });

  it('a token is for its repositories, and says of others the same whether they are there or not', async () => {
    const made = await served();
    const ask = (path: string) => statusWith(made, path, basic(TEAM));
    expect(await ask('/v2/')).toBe(200);
    for (const repository of ['team/app', 'tools'])
      expect(await ask(`/v2/${repository}/manifests/v1`)).toBe(200);
    expect(await ask('/v2/team/nothing/manifests/v1')).toBe(404);
    for (const repository of ['other', 'nothing', 'teamwork', 'team', 'tools/more']) {
      expect(await ask(`/v2/${repository}/manifests/v1`)).toBe(403);
    }
  });

  it('no token is in the log, and the name of its line is', async () => {
    const made = await served();
    await statusWith(made, `/v2/other/manifests/v1?token=${ALL}`, basic(ALL));
    await statusWith(made, '/v2/other/manifests/v1', basic(`${ALL}-wrong`));
    const text = JSON.stringify(made.log);
    expect(text).not.toContain(ALL);
    expect(text).not.toContain(Buffer.from(ALL).toString('base64').slice(4, 20));
    const requests = made.log.filter(({ message }) => message === 'request');
    expect(requests.map(({ fields }) => [fields.status, fields.principal])).toEqual([
      [200, 'tokens:3'],
      [401, null],
    ]);
  });
});

describe('open to this machine', () => {
  const withHost = (made: ServedStore, host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const [address, port] = made.host.split(':');
      const asked = request({ host: address, port, path: '/v2/', headers: { host } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.once('error', reject).end();
    });

  it('a name that only leads here is not let in: a web page of a stranger could have it', async () => {
    const made = await serveStore({ authorize: openToLoopback });
    for (const host of [made.host, 'localhost:5000', 'LOCALHOST', '[::1]:1', 'app.localhost']) {
      expect(await withHost(made, host)).toBe(200);
    }
    for (const host of ['rebound.example', '127.0.0.1.example', '10.0.0.1', 'localhost.example:5000']) {
      expect(await withHost(made, host), host).toBe(403);
    }
  });
});

describe('a file of tokens', () => {
  it.each([
    ['', 'f holds no token'],
    ['# nothing\n', 'f holds no token'],
    ['short', 'f:1: a token has at least 16 characters'],
    [`${ALL}\n${ALL} Team/*`, 'f:2: word 2 is no repository'],
    [`${ALL} team *`, 'f:1: word 3 is no repository'],
  ])('%j is refused without showing the token', (text, message) => {
    expect(() => parseTokenFile(text, 'f')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
    expect(() => parseTokenFile(text, 'f')).toThrow(expect.not.stringContaining('short'));
  });
});
