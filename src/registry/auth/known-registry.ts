import type { Scheme } from './scheme.ts';
import type { Scope } from './scope.ts';
import type { HeldToken } from './token-cache.ts';

/**
 * How several scopes are asked for. Most servers take `scope=` several times, some want one with spaces in it, and
 * GitLab's honours one only (manifest-tool#53): then a token for the first alone has to do.
 */
export type ScopeForm = 'repeated' | 'joined' | 'first';

/** What is known of a registry; the maps are by the scopes that a request is about (`keyOf`). */
export interface KnownRegistry {
  scheme: Scheme;
  /** A challenge may ask for more than we thought of (`insufficient_scope`). */
  readonly wider: Map<string, readonly Scope[]>;
  readonly forms: Map<string, ScopeForm>;
  /** When even new tokens were refused, in milliseconds since 1970. */
  readonly hopeless: Map<string, number>;
}

export const keyOf = (scopes: readonly Scope[]): string => scopes.join(' ');

/** The value of `Authorization`, and the token in it. */
export interface Proof {
  readonly value: string | undefined;
  readonly token?: HeldToken;
  /** The token was fetched for this request. */
  readonly isNew?: boolean;
}
