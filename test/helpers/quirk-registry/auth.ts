import { answer, type Exchange, fail, type Registry } from './exchange.ts';

export interface QuirkAuth {
  readonly kind: 'basic' | 'token';
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>;
  /** Users by refresh (identity) token. */
  readonly refreshTokens?: Readonly<Record<string, string>>;
  /** May this user (undefined: anybody) do this (`pull`, `push`, `delete`)? Default: users all, anybody nothing. */
  readonly may?: (user: string | undefined, repository: string, action: string) => boolean;
  /** Seconds that a token lives; default 300. */
  readonly life?: number;
  /** False: POST is 404 to it, as to old token servers. Default true. */
  readonly oauth2?: boolean;
}

interface Token {
  readonly access: ReadonlyMap<string, ReadonlySet<string>>;
  readonly issued: number;
  readonly expires: number;
}

export interface Guard {
  /** Answers with 401 and gives false when the request may not go on. */
  admit(exchange: Exchange, repository: string, actions: readonly string[]): boolean;
  /** The token server, under `/token`. */
  token(exchange: Exchange): Promise<undefined>;
  /** Takes the token of a request back. */
  revoke(exchange: Exchange): void;
  challenge(exchange: Exchange, scope: string | undefined, error?: string): undefined;
}

const SERVICE = 'quirk-registry';

export function createGuard(auth: QuirkAuth | undefined): Guard {
  const tokens = new Map<string, Token>();
  const may =
    auth?.may ?? ((user: string | undefined, _repository: string, _action: string) => user !== undefined);

  const challenge = (exchange: Exchange, scope: string | undefined, error?: string): undefined => {
    const { registry } = exchange;
    const basic = 'Basic realm="quirk"';
    const more = `${scope ? `,scope="${scope}"` : ''}${error ? `,error="${error}"` : ''}`;
    const bearer = `Bearer realm="${registry.url}/token",service="${SERVICE}"${more}`;
    const own = auth?.kind === 'basic' ? [basic] : [bearer];
    const form = registry.quirks.challenges;
    const unknown = 'Negotiate dG9rZW4=, Digest realm="a, \\"b\\"", nonce="n"';
    const lines = {
      joined: [`${basic}, ${own.join(', ')}`],
      separate: [unknown, ...own],
      'unknown-first': [`${unknown}, ${own.join(', ')}`],
    };
    const value = form === undefined ? own : lines[form];
    fail(exchange, 401, 'UNAUTHORIZED', 'authentication required', {
      headers: { 'www-authenticate': value },
    });
  };

  const userOf = (authorization: string | undefined): string | undefined => {
    const [, encoded] = /^Basic (.+)$/i.exec(authorization ?? '') ?? [];
    const text = Buffer.from(encoded ?? '', 'base64').toString();
    const name = text.slice(0, Math.max(0, text.indexOf(':')));
    return auth?.users[name] !== undefined && auth.users[name] === text.slice(name.length + 1)
      ? name
      : undefined;
  };

  const admit = (exchange: Exchange, repository: string, actions: readonly string[]): boolean => {
    if (auth === undefined) return true;
    const { authorization } = exchange.request.headers;
    const scope = repository === '' ? undefined : `repository:${repository}:${actions.join(',')}`;
    if (auth.kind === 'basic') {
      const user = userOf(authorization);
      const anybody = repository !== '' && actions.every((action) => may(undefined, repository, action));
      if (user === undefined && !anybody) challenge(exchange, undefined);
      else if (repository === '' || actions.every((action) => may(user, repository, action))) return true;
      else fail(exchange, 403, 'DENIED', 'requested access to the resource is denied');
      return false;
    }
    const token = tokens.get(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '');
    const now = exchange.registry.now();
    if (token === undefined) challenge(exchange, scope);
    else if (token.expires <= now || token.issued > now) challenge(exchange, scope, 'invalid_token');
    else if (actions.every((action) => repository === '' || token.access.get(repository)?.has(action)))
      return true;
    else challenge(exchange, scope, 'insufficient_scope');
    return false;
  };

  const token = async (exchange: Exchange): Promise<undefined> => {
    const { registry, request } = exchange;
    const asked =
      request.method === 'POST' ? new URLSearchParams(await bodyText(exchange)) : exchange.url.searchParams;
    if (request.method === 'POST' && auth?.oauth2 === false) return answer(exchange, 404);
    const refresh = asked.get('refresh_token');
    const shown = request.method === 'POST' ? refresh : request.headers.authorization;
    const user =
      request.method === 'POST' ? auth?.refreshTokens?.[refresh ?? ''] : userOf(shown ?? undefined);
    if (shown && user === undefined) {
      return fail(exchange, 401, 'UNAUTHORIZED', 'incorrect username or password');
    }
    const wanted = scopesOf(registry, asked);
    const access = new Map<string, ReadonlySet<string>>();
    let complete = true;
    for (const scope of wanted) {
      const [, repository = '', actions = ''] = /^repository:(.+):([^:]+)$/.exec(scope) ?? [];
      const granted = actions.split(',').filter((action) => may(user, repository, action));
      complete &&= granted.length === actions.split(',').length;
      access.set(repository, new Set([...(access.get(repository) ?? []), ...granted]));
    }
    if (!complete && registry.quirks.p02 === 'refuses-token') {
      return fail(exchange, 403, 'DENIED', 'requested access to the resource is denied');
    }
    const life = registry.quirks.p13 === 'no-life' ? 60 : (auth?.life ?? 300);
    // The token server is a second ahead of the registry, which is what the registry sees.
    const issued = registry.now() + (registry.quirks.p13 === 'not-before' ? 1000 : 0);
    const value = `token-${tokens.size + 1}-of-${user ?? 'anybody'}`;
    tokens.set(value, { access, issued, expires: issued + life * 1000 });
    const stated =
      registry.quirks.p13 === 'no-life'
        ? {}
        : { expires_in: life, issued_at: new Date(issued).toISOString() };
    const named = request.method === 'POST' ? { access_token: value } : { token: value };
    return answer(
      exchange,
      200,
      { 'content-type': 'application/json' },
      JSON.stringify({ ...named, ...stated }),
    );
  };

  const revoke = (exchange: Exchange) =>
    void tokens.delete(exchange.request.headers.authorization?.replace(/^Bearer /i, '') ?? '');

  return { admit, token, revoke, challenge };
}

/** OAuth2 has them in one word, GET in several parameters; each of those may be several too. */
function scopesOf(registry: Registry, asked: URLSearchParams): string[] {
  const { p03 } = registry.quirks;
  const parameters = p03 === 'last-scope' ? asked.getAll('scope').slice(-1) : asked.getAll('scope');
  const all = parameters.flatMap((scope) => scope.split(' ').filter((one) => one !== ''));
  if (p03 === 'last-only') return all.slice(-1);
  return p03 === 'first-scope' ? all.slice(0, 1) : all;
}

async function bodyText({ request, record }: Exchange): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    record.receivedBytes += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}
