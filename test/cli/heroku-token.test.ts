import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { findHerokuToken, parseNetrc } from '../../src/cli/heroku-token.ts';
import type { Input } from '../../src/cli/host.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const NETRC = `# written by heroku login
machine api.heroku.com
  login me@example.com
  password HRKU-from-netrc
machine git.heroku.com login me@example.com password HRKU-git
default login anonymous password guest-guest
`;

interface Places {
  readonly environment?: Record<string, string>;
  readonly stdin?: string;
  readonly netrc?: string;
  readonly address?: string;
}

async function find({ environment = {}, stdin, netrc, address }: Places): Promise<string> {
  const userHome = await temporaryFolder();
  if (netrc !== undefined) await writeFile(join(userHome, '.netrc'), netrc);
  const input = Readable.from(stdin === undefined ? [] : [stdin]) as Input;
  return findHerokuToken(
    { stdin: input, environment, userHome },
    { fromStdin: stdin !== undefined, address },
  );
}

test('standard input comes before the environment, and that before the netrc', async () => {
  const environment = { HEROKU_API_KEY: 'HRKU-environment' };
  expect(await find({ environment, stdin: 'HRKU-stdin\nmore', netrc: NETRC })).toBe('HRKU-stdin');
  expect(await find({ environment, netrc: NETRC })).toBe('HRKU-environment');
  expect(await find({ netrc: NETRC })).toBe('HRKU-from-netrc');
});

test("another host gets no token of Heroku's own from the netrc", async () => {
  const address = 'https://heroku.example';
  await expect(find({ netrc: NETRC, address })).rejects.toMatchObject({ code: 'HEROKU_TOKEN_MISSING' });
  const netrc = `${NETRC}machine heroku.example login x password HRKU-other\n`;
  expect(await find({ netrc, address })).toBe('HRKU-other');
});

test.each([
  [{}],
  [{ netrc: 'machine api.heroku.com login x' }],
  [{ stdin: '' }],
  [{ stdin: 'two words here' }],
  [{ environment: { HEROKU_API_KEY: 'with\nnewline-inside' } }],
])('no token: %j', async (places) => {
  const call = find(places);
  await expect(call).rejects.toMatchObject({ code: 'HEROKU_TOKEN_MISSING' });
  await expect(call).rejects.not.toMatchObject({ message: expect.stringContaining('inside') });
});

test('a netrc is read by its words, wherever lines end', () => {
  expect(parseNetrc(NETRC, 'git.heroku.com')).toBe('HRKU-git');
  expect(parseNetrc(NETRC, 'nowhere')).toBeUndefined();
  expect(parseNetrc('machine a login machine password pw', 'a')).toBe('pw');
});
