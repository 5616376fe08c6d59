import { describe, expect, it } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { NetError } from '../../../src/net/net-error.ts';
import {
  DEFAULT_RETRY,
  parseRetryAfter,
  type RetryPolicy,
  withRetries,
} from '../../../src/registry/http/retry.ts';

const trouble = (retryAfter?: number) =>
  new DogwoodError('REGISTRY_UNAVAILABLE', 'trouble', retryAfter === undefined ? {} : { retryAfter });

function recorded(policy: Partial<RetryPolicy> = {}) {
  const slept: number[] = [];
  const sleep = async (milliseconds: number) => {
    slept.push(milliseconds);
  };
  return { slept, policy: { ...DEFAULT_RETRY, random: () => 1, sleep, ...policy } };
}

const failing = (error: unknown) => async () => {
  throw error;
};

describe('withRetries', () => {
  it('doubles its patience and then gives up with the last failure', async () => {
    const { slept, policy } = recorded({ attempts: 4, baseDelay: 100 });
    await expect(withRetries(policy, failing(trouble()))).rejects.toThrow('trouble');
    expect(slept).toEqual([100, 200, 400]);
  });

  it('waits somewhere between half and the whole of a step', async () => {
    const { slept, policy } = recorded({ attempts: 2, baseDelay: 100, random: () => 0 });
    await expect(withRetries(policy, failing(trouble()))).rejects.toThrow();
    expect(slept).toEqual([50]);
  });

  it('waits as long as it is told to, but not for ever', async () => {
    const { slept, policy } = recorded({ attempts: 2 });
    await expect(withRetries(policy, failing(trouble(7)))).rejects.toThrow();
    await expect(withRetries(policy, failing(trouble(86_400)))).rejects.toThrow();
    expect(slept).toEqual([7_000, 120_000]);
  });

  it('does not multiply the tries of a round inside a round', async () => {
    const { slept, policy } = recorded({ attempts: 3, baseDelay: 100 });
    const inner = () => withRetries(policy, failing(trouble()));
    await expect(withRetries(policy, inner)).rejects.toThrow('trouble');
    expect(slept).toEqual([100, 200]);
  });

  it.each([
    ['a refusal', new DogwoodError('REGISTRY_REFUSED', 'no')],
    [
      'a missing host',
      new DogwoodError('REGISTRY_UNREACHABLE', 'no', { cause: new NetError('unresolved', 'h', 'no') }),
    ],
    ['a stranger', new Error('bug')],
  ])('does not try %s again', async (_what, error) => {
    const { slept, policy } = recorded();
    await expect(withRetries(policy, failing(error))).rejects.toBe(error);
    expect(slept).toEqual([]);
  });

  it('stops when asked to', async () => {
    const abort = new AbortController();
    const { policy } = recorded({ sleep: DEFAULT_RETRY.sleep, baseDelay: 60_000 });
    const running = withRetries(policy, failing(trouble()), { signal: abort.signal });
    abort.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    [undefined, undefined],
    ['0', 0],
    [' 120 ', 120],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
  ])('reads %j', (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});
