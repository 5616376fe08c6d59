import { describe, expect, it } from 'vitest';
import { createSharing } from '../../../src/registry/http/sharing.ts';

/** Work that ends when told to, or when its signal fires. */
function work() {
  const { promise, resolve } = Promise.withResolvers<string>();
  const started: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    started.push(signal);
    return promise;
  };
  return { start, started, finish: resolve };
}

describe('createSharing', () => {
  it('does once what several ask for at once, and again later', async () => {
    const share = createSharing<string>();
    const { start, started, finish } = work();
    const both = Promise.all([share('a', start), share('a', start)]);
    finish('done');
    expect(await both).toEqual(['done', 'done']);
    expect(started).toHaveLength(1);
    await share('a', start);
    expect(started).toHaveLength(2);
  });

  it('lets one asker go without ending the work of the other', async () => {
    const share = createSharing<string>();
    const { start, started, finish } = work();
    const first = new AbortController();
    const gone = share('a', start, first.signal);
    const stays = share('a', start);
    first.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    expect(started[0]?.aborted).toBe(false);
    finish('done');
    expect(await stays).toBe('done');
  });

  it('ends work that nobody waits for, and starts anew for the next', async () => {
    const share = createSharing<string>();
    const { start, started, finish } = work();
    const only = new AbortController();
    const gone = share('a', start, only.signal);
    only.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    expect(started[0]?.aborted).toBe(true);
    const next = share('a', start);
    expect(started).toHaveLength(2);
    finish('done');
    expect(await next).toBe('done');
  });

  it('tells all of a failure, and keeps none of it', async () => {
    const share = createSharing<string>();
    const fail = () => Promise.reject(new Error('broken'));
    const both = [share('a', fail), share('a', fail)];
    for (const one of both) await expect(one).rejects.toThrow('broken');
    expect(await share('a', async () => 'fine')).toBe('fine');
  });
});
