import { setTimeout as wait } from 'node:timers/promises';
import { DogwoodError } from '../../errors.ts';
import { NetError } from '../../net/net-error.ts';

/** How often and how patiently something is tried again. Clock, chance and sleep are parameters, so tests are quick. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled each time, with jitter. */
  readonly baseDelay: number;
  /** Milliseconds that are never exceeded, whatever `Retry-After` asks for. */
  readonly maxDelay: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  baseDelay: 250,
  maxDelay: 120_000,
  clock: Date.now,
  random: Math.random,
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
};

/** Trouble that may pass. A host that does not exist is a typing error: it will not exist in a second either. */
export function mayPass(error: unknown): error is DogwoodError {
  if (!(error instanceof DogwoodError) || !error.kind.retryable) return false;
  return !(error.cause instanceof NetError && error.cause.kind === 'unresolved');
}

/** Milliseconds to wait before try number `next` (2 is the first repetition). */
export function retryDelay(policy: RetryPolicy, next: number, retryAfter: number | undefined): number {
  // Between half and the whole of the step, so that clients which failed together do not come back together.
  const step = policy.baseDelay * 2 ** (next - 2) * (0.5 + policy.random() / 2);
  return Math.min(policy.maxDelay, Math.max(step, (retryAfter ?? 0) * 1000));
}

/** Errors that were tried again as often as the policy allows: an outer round of tries would only multiply the wait. */
const spent = new WeakSet<Error>();

/**
 * Runs something until it works, fails for good or has used up its tries.
 *
 * @param again whether this failure is worth another try; by default `mayPass`
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  run: (attempt: number) => Promise<T>,
  options: { signal?: AbortSignal | undefined; again?: (error: unknown) => boolean } = {},
): Promise<T> {
  const again = options.again ?? mayPass;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof Error) || spent.has(error) || !again(error)) throw error;
      if (attempt >= policy.attempts) {
        spent.add(error);
        throw error;
      }
      const retryAfter = error instanceof DogwoodError ? error.retryAfter : undefined;
      await policy.sleep(retryDelay(policy, attempt + 1, retryAfter), options.signal);
    }
  }
}

/**
 * How many failures of one host are worth another try. A registry that is down would otherwise be asked five times for
 * each of a thousand blobs.
 */
export interface RetryBudget {
  /** Something worked: one more failure may be forgiven. */
  refill(): void;
  /** Something failed; false when that is no longer worth another try. */
  spend(): boolean;
}

const BUDGET = 20;

/** One for each host, by its name. */
export function createRetryBudgets(): (host: string) => RetryBudget {
  const budgets = new Map<string, RetryBudget>();
  return (host) => {
    const budget = budgets.get(host) ?? createRetryBudget();
    budgets.set(host, budget);
    return budget;
  };
}

function createRetryBudget(): RetryBudget {
  let left = BUDGET;
  return {
    refill() {
      left = Math.min(BUDGET, left + 1);
    },
    spend() {
      left = Math.max(-1, left - 1);
      return left >= 0;
    },
  };
}

/** One try that counts. When the budget is used up, its failure ends every round of tries around it. */
export async function counted<T>(budget: RetryBudget, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    budget.refill();
    return result;
  } catch (error) {
    // What an inner round gave up was counted there.
    if (mayPass(error) && !spent.has(error) && !budget.spend()) spent.add(error);
    throw error;
  }
}

/** `Retry-After` in seconds from now, from its number or its HTTP date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}
