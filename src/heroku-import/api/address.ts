import { DogwoodError } from '../../errors.ts';
import { hostName, isLoopback } from '../../net/host-name.ts';

/** Host of Heroku's own API. */
export const HEROKU_API = 'api.heroku.com';
const HEROKU = `https://${HEROKU_API}/`;

/**
 * The API's address: Heroku's own unless somebody names another host, for a token is good for a whole company. Plain
 * HTTP is for loopback only.
 *
 * @param text `--heroku-api` or HEROKU_API_URL
 * @throws USAGE for what is no such address
 */
export function herokuAddress(text: string | undefined): URL {
  const url = URL.parse(text ?? HEROKU);
  const plain = url?.protocol === 'http:' && isLoopback(hostName(url.host));
  if (url === null || (url.protocol !== 'https:' && !plain) || url.username !== '' || url.password !== '') {
    throw new DogwoodError('USAGE', `${JSON.stringify(text?.slice(0, 200))} is no address of a Heroku API`, {
      hint: 'Write it as https://HOST, without a user; plain http is for this machine only.',
    });
  }
  return new URL('/', url);
}
