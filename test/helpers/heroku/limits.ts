/** Heroku's rate limit: a bucket of tokens per account, refilled a little every minute. */
export interface RateLimit {
  /** Takes one token; false when there is none. */
  take(): boolean;
  readonly remaining: number;
}

export interface RateLimitOptions {
  /** Default 4500, as at Heroku. */
  readonly size?: number | undefined;
  /** Tokens a minute; default 75. */
  readonly refill?: number | undefined;
  /** Milliseconds; the test's own clock. */
  readonly clock: () => number;
}

export function createRateLimit({ size = 4500, refill = 75, clock }: RateLimitOptions): RateLimit {
  let tokens = size;
  let seen = clock();
  const fill = () => {
    const now = clock();
    tokens = Math.min(size, tokens + ((now - seen) / 60_000) * refill);
    seen = now;
  };
  return {
    take() {
      fill();
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    get remaining() {
      fill();
      return Math.floor(tokens);
    },
  };
}
