import pLimit from 'p-limit';
import { DogwoodError } from '../../errors.ts';
import type { RetryPolicy } from '../../registry/http/retry.ts';

/** Heroku gives back 75 calls a minute (Dev Center, "Rate limits"); so many come back in a pause. */
const PAUSE_MS = 15_000;

/** Calls on their way at once: more only makes the others of the account wait. */
const CONCURRENCY = 6;

/**
 * Lets calls through a few at a time, and none while the account has no calls left. Being refused for that is no
 * failure: all wait, and the refused call goes again.
 */
export function createRateGate(options: {
  readonly retry: RetryPolicy;
  /** Told for how many milliseconds the run stands still. */
  readonly onWait?: ((milliseconds: number) => void) | undefined;
}) {
  const { clock, sleep } = options.retry;
  const limit = pLimit(CONCURRENCY);
  let pausedUntil = 0;
  let pauses = 0;
  const pause = (milliseconds: number) => {
    pauses += 1;
    pausedUntil = clock() + milliseconds;
    options.onWait?.(milliseconds);
  };
  const once = async <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    for (;;) {
      for (let left = pausedUntil - clock(); left > 0; left = pausedUntil - clock())
        await sleep(left, signal);
      signal.throwIfAborted();
      const before = pauses;
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof DogwoodError) || error.code !== 'HEROKU_RATE_LIMITED') throw error;
        // Of several that were on their way together, all are refused: that is one pause.
        if (pauses === before) pause(error.retryAfter === undefined ? PAUSE_MS : error.retryAfter * 1000);
      }
    }
  };
  return {
    run: <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> => limit(() => once(call, signal)),
  };
}
