import type { HttpClient } from '../../net/http.ts';
import { counted, createRetryBudgets, type RetryPolicy, withRetries } from '../http/retry.ts';
import { createSharing } from '../http/sharing.ts';
import type { Credential } from './credentials.ts';
import { covers, type Scope } from './scope.ts';
import { fetchToken, type Token, type TokenRequest } from './token.ts';

export interface HeldToken extends Token {
  /** Registry, realm, service and credential. */
  readonly audience: string;
  readonly scopes: readonly Scope[];
}

export interface TokenCache {
  /**
   * A token that allows what is wanted: one that is held (`isNew` is false), or a new one.
   *
   * @throws what `fetchToken` throws
   */
  get(
    request: Omit<TokenRequest, 'signal'>,
    signal?: AbortSignal,
  ): Promise<{ readonly token: HeldToken; readonly isNew: boolean }>;
  forget(token: HeldToken): void;
}

/** Tokens by audience and scopes; one that allows more serves as well. Several askers wait for one request. */
export function createTokenCache(http: HttpClient, retry: RetryPolicy): TokenCache {
  const held = new Set<HeldToken>();
  const ask = createSharing<HeldToken>();
  /** Refresh tokens that replaced those we began with, by audience. */
  const adopted = new Map<string, string>();
  const budgetOf = createRetryBudgets();
  /** Token servers that do not know OAuth2's POST, by address. */
  const withoutPost = new Set<string>();

  const fetch = async (request: TokenRequest, audience: string): Promise<HeldToken> => {
    const { realm, scopes, credential } = request;
    const own = { ...request, credential: current(credential, adopted.get(audience)), withoutPost };
    const { refreshToken, ...token } = await withRetries(
      retry,
      () => counted(budgetOf(realm.host), () => fetchToken(http, own, retry.clock)),
      { signal: request.signal },
    );
    if (refreshToken !== undefined) adopted.set(audience, refreshToken);
    const fresh = { ...token, audience, scopes };
    held.add(fresh);
    return fresh;
  };

  return {
    async get(request, signal) {
      const { scopes } = request;
      const audience = audienceOf(request);
      const now = retry.clock();
      for (const old of held) if (old.usableUntil <= now) held.delete(old);
      const known = [...held].find((one) => one.audience === audience && covers(one.scopes, scopes));
      if (known !== undefined) return { token: known, isNew: false };
      const key = JSON.stringify([audience, request.joined === true, ...scopes.toSorted()]);
      const start = (stopped: AbortSignal) => fetch({ ...request, signal: stopped }, audience);
      return { token: await ask(key, start, signal), isNew: true };
    },
    forget: (token) => void held.delete(token),
  };
}

function current(credential: Credential | undefined, adopted: string | undefined): Credential | undefined {
  return credential?.kind === 'identity' && adopted !== undefined
    ? { ...credential, token: adopted }
    : credential;
}

/** Without the secret: whose source and user are the same has the same one for the life of the client. */
function audienceOf({ registry, realm, service, credential }: TokenRequest): string {
  const who = credential && [
    credential.kind,
    credential.source,
    'username' in credential && credential.username,
  ];
  return JSON.stringify([registry, realm.href, service, who]);
}
