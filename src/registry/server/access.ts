import { createHash } from 'node:crypto';
import { hostName, isLoopback } from '../../net/host-name.ts';
import { type Answer, fault } from './answer.ts';

/** Whoever asks, once it is known who that is. */
export interface Principal {
  /** For the log; never a secret. */
  readonly name: string;
  mayPull(repository: string): boolean;
}

/** What a request says of itself. */
export interface Credentials {
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

/** Who is asking, or the refusal. A service plugs its own tokens in here. */
export type Authorize = (credentials: Credentials) => Promise<Principal | Answer> | Principal | Answer;

export interface Token {
  readonly name: string;
  readonly secret: string;
  /** `NAME`, or `NAME/*` for all below it; none at all means every repository. */
  readonly repositories: readonly string[];
}

const ANYBODY: Principal = { name: 'anybody', mayPull: () => true };

/**
 * Lets everybody on this machine in. A web page cannot come in behind a name of its own that leads here (DNS
 * rebinding): the `Host` must be one of loopback.
 */
export const openToLoopback: Authorize = ({ host }) => {
  if (host !== undefined && isLoopback(hostName(host).toLowerCase())) return ANYBODY;
  return fault(
    403,
    'DENIED',
    'this registry is open to its own machine only; start it with tokens for others',
  );
};

/**
 * Tokens as the password of `Basic`, whatever the user name (`docker login -u any`), or as `Bearer`. They are
 * compared by their hash, which takes as long for a wrong one as for a right one.
 */
export function requireToken(tokens: readonly Token[]): Authorize {
  const principals = new Map(
    tokens.map((token) => [
      hash(token.secret),
      { name: token.name, mayPull: (repository: string) => mayPull(token.repositories, repository) },
    ]),
  );
  return ({ authorization }) => {
    const secret = secretOf(authorization);
    const principal = secret === undefined ? undefined : principals.get(hash(secret));
    if (principal !== undefined) return principal;
    const message = secret === undefined ? 'a token is needed' : 'the token is not known';
    return fault(401, 'UNAUTHORIZED', message, {
      headers: { 'www-authenticate': 'Basic realm="dogwood", charset="UTF-8"' },
    });
  };
}

function mayPull(allowed: readonly string[], repository: string): boolean {
  return (
    allowed.length === 0 ||
    allowed.some((name) =>
      name.endsWith('/*') ? repository.startsWith(name.slice(0, -1)) : name === repository,
    )
  );
}

/** RFC 7617 and RFC 6750. */
function secretOf(authorization: string | undefined): string | undefined {
  const match = /^(basic|bearer) +(\S+) *$/i.exec(authorization ?? '');
  if (match === null) return undefined;
  const [, scheme = '', word = ''] = match;
  if (scheme.toLowerCase() === 'bearer') return word;
  const text = Buffer.from(word, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
