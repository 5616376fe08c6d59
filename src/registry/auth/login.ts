import type { RetryPolicy } from '../http/retry.ts';
import type { Challenge } from './challenge.ts';
import { type KnownRegistry, keyOf, type Proof, type ScopeForm } from './known-registry.ts';
import { covers, type Scope } from './scope.ts';
import type { HeldToken } from './token-cache.ts';

/** What one request shows to the registry itself, never to another host. */
export interface Login {
  /** The value of `Authorization`; undefined where the registry asked for nothing that we can give. */
  value(signal?: AbortSignal): Promise<string | undefined>;
  /**
   * The registry did not let the last value in. True when there is something else to show, or the same once more:
   * for one request that is so a few times at most.
   */
  refused(refusal: LoginRefusal, signal?: AbortSignal): Promise<boolean>;
}

export interface LoginRefusal {
  /** Where the registry is. */
  readonly base: URL;
  readonly challenges: readonly Challenge[];
  /** False when nobody tries again now: what is known is put right all the same, without waiting. */
  readonly again: boolean;
}

export interface LoginContext {
  readonly scopes: readonly Scope[];
  readonly known: KnownRegistry;
  readonly retry: RetryPolicy;
  readonly forget: (token: HeldToken) => void;
  readonly learn: (base: URL, challenges: readonly Challenge[]) => void;
  readonly prove: (signal: AbortSignal | undefined) => Promise<Proof>;
}

const NEXT_FORM: Readonly<Record<ScopeForm, ScopeForm | undefined>> = {
  repeated: 'joined',
  joined: 'first',
  first: undefined,
};

/** Milliseconds after which a new token that was refused is shown again: servers' clocks differ (hub-feedback#647). */
const CLOCK_PAUSE = 1_000;
/** Milliseconds in which it is not tried with newer tokens what new ones were refused for. */
const HOPELESS_TIME = 60_000;
/** More scopes than any request needs: a registry cannot have us ask for ever more. */
const MAX_SCOPES = 8;

export function createLogin(context: LoginContext): Login {
  const { scopes, known, retry, forget } = context;
  const key = keyOf(scopes);
  let shown: Proof = { value: undefined };
  /** Tokens that were fetched for this request: whatever is wrong with them, it is not their age. */
  const own = new Set<HeldToken>();
  let waited = false;

  const prove = async (signal: AbortSignal | undefined): Promise<Proof> => {
    const proof = await context.prove(signal);
    if (proof.isNew && proof.token) own.add(proof.token);
    return proof;
  };

  const widen = (asked: string): boolean => {
    const had = known.wider.get(key) ?? [];
    const more = asked.split(' ').filter((scope) => scope !== '' && !covers([...scopes, ...had], [scope]));
    if (more.length === 0 || had.length + more.length > MAX_SCOPES) return false;
    known.wider.set(key, [...had, ...more]);
    return true;
  };

  const anotherToken = async (
    token: HeldToken,
    insufficient: boolean,
    again: boolean,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    const since = known.hopeless.get(key);
    if (since !== undefined && retry.clock() - since < HOPELESS_TIME) return false;
    const form = known.forms.get(key) ?? 'repeated';
    // The token for the first scope alone is good for other requests.
    const keep = insufficient && form === 'first';
    if (!own.has(token) && !keep) {
      forget(token);
      return true;
    }
    if (!insufficient && !waited && again) {
      waited = true;
      await retry.sleep(CLOCK_PAUSE, signal);
      return true;
    }
    if (!keep) forget(token);
    const next = scopes.length > 1 ? NEXT_FORM[form] : undefined;
    if (next !== undefined) known.forms.set(key, next);
    else if (again) known.hopeless.set(key, retry.clock());
    return next !== undefined;
  };

  return {
    async value(signal) {
      shown = await prove(signal);
      return shown.value;
    },
    async refused({ base, challenges, again }, signal) {
      const { kind } = known.scheme;
      if (challenges.length > 0) context.learn(base, challenges);
      const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters;
      const { token } = shown;
      if (known.scheme.kind !== kind || token === undefined) {
        // The very same words would get the very same answer.
        return again && (await prove(signal)).value !== shown.value;
      }
      if (widen(bearer?.get('scope') ?? '')) return true;
      return await anotherToken(token, bearer?.get('error') === 'insufficient_scope', again, signal);
    },
  };
}
