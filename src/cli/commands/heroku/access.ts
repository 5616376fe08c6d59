import { Option } from '../../commander.ts';
import type { CliHost } from '../../host.ts';

// Flags of the commands that ask Heroku. Each is made anew, for commander keeps what was parsed inside of it.

export const herokuApiFlag = () =>
  new Option('--heroku-api <url>', "another host than Heroku's own; it gets the token");

export const tokenStdinFlag = () => new Option('--token-stdin', 'read the token from standard input');

/** Where Heroku's API is, and what opens it. */
export interface HerokuAccess {
  /** Undefined is Heroku's own. */
  readonly address: string | undefined;
  readonly token: string;
}

/** The flags first, then HEROKU_API_URL. Throws HEROKU_TOKEN_MISSING. */
export async function findHerokuAccess(
  host: CliHost,
  flags: { readonly herokuApi?: string | undefined; readonly tokenStdin?: true | undefined },
): Promise<HerokuAccess> {
  const { findHerokuToken } = await import('../../heroku-token.ts');
  const address = flags.herokuApi ?? (host.environment.HEROKU_API_URL || undefined);
  const token = await findHerokuToken(host, { fromStdin: flags.tokenStdin === true, address });
  return { address, token };
}
