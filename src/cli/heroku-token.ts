import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../errors.ts';
import type { CliHost } from './host.ts';

const HEROKU_HOST = 'api.heroku.com';

/**
 * The token for Heroku's API: standard input if asked for, else HEROKU_API_KEY, else what Heroku's own CLI left in the
 * netrc file for that host. Never an argument: those are for everybody on the machine to see.
 *
 * @param address another API host's address; the netrc is asked for that host then
 * @throws HEROKU_TOKEN_MISSING naming the places, not what is in them
 */
export async function findHerokuToken(
  { stdin, environment, userHome }: Pick<CliHost, 'stdin' | 'environment' | 'userHome'>,
  { fromStdin, address }: { readonly fromStdin: boolean; readonly address: string | undefined },
): Promise<string> {
  if (fromStdin) return usable(await readLine(stdin), 'standard input');
  if (environment.HEROKU_API_KEY) return usable(environment.HEROKU_API_KEY, 'HEROKU_API_KEY');
  const host = URL.parse(address ?? '')?.hostname ?? HEROKU_HOST;
  const path = environment.NETRC || (userHome === undefined ? undefined : join(userHome, '.netrc'));
  const found = path === undefined ? undefined : parseNetrc(await readNetrc(path), host);
  if (found !== undefined) return usable(found, `${path}`);
  const looked = path === undefined ? '' : `, and ${path} has none for ${host}`;
  throw new DogwoodError('HEROKU_TOKEN_MISSING', `no token: HEROKU_API_KEY is not set${looked}`);
}

/** A header cannot hold anything else, and a token is nothing else. */
function usable(text: string, from: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{8,4096}$/.test(token)) return token;
  throw new DogwoodError('HEROKU_TOKEN_MISSING', `what ${from} holds is no token`);
}

async function readLine(stdin: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.includes('\n') || text.length > 8192) break;
  }
  return text.split('\n', 1)[0] ?? '';
}

async function readNetrc(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** The password of a machine (netrc(5)); `default` entries are for nobody in particular, and so not for a token. */
export function parseNetrc(text: string, machine: string): string | undefined {
  const words = text
    .split('\n')
    .map((line) => line.replace(/^\s*#.*$/, ''))
    .join('\n')
    .split(/\s+/)
    .filter((word) => word !== '');
  let inside = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === 'machine') inside = words[++at] === machine;
    else if (word === 'default' || word === 'macdef') inside = false;
    else if (word === 'login' || word === 'account') at += 1;
    else if (word === 'password') {
      const password = words[++at];
      if (inside) return password;
    }
  }
  return undefined;
}
