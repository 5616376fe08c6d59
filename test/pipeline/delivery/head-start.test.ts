import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveHeadStart } from '../../../src/pipeline/delivery/head-start.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(stall: number) {
  const start = giveHeadStart(stall);
  let isOver = false;
  void start.over.then(() => {
    isOver = true;
  });
  const after = async (milliseconds: number) => {
    await vi.advanceTimersByTimeAsync(milliseconds);
    return isOver;
  };
  return { ...start, after };
}

it('lasts as long as something moves, and so much longer', async () => {
  const { after, moved } = watched(100);
  for (let i = 0; i < 10; i++) {
    moved();
    expect(await after(99)).toBe(false);
  }
  expect(await after(1)).toBe(true);
  // What moves later winds up no timer again.
  moved();
  expect(vi.getTimerCount()).toBe(0);
});

it('ends at once when it is ended, and leaves no timer', async () => {
  const { after, end } = watched(100);
  end();
  expect(await after(0)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
