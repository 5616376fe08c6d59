import { expect, test } from 'vitest';
import { onceEach } from '../../src/pipeline/once.ts';

test('a name is worked for once, another for itself, and a failure again', async () => {
  const once = onceEach();
  const done: string[] = [];
  const work = (what: string) => async () => {
    done.push(what);
    if (done.length === 1) throw new Error('the first time');
    return what;
  };
  await expect(once('a', work('a'))).rejects.toThrow('the first time');
  expect(
    await Promise.all([once('a', work('a')), once('a', work('not asked')), once('b', work('b'))]),
  ).toEqual(['a', 'a', 'b']);
  expect(await once('a', work('not asked'))).toBe('a');
  expect(done).toEqual(['a', 'a', 'b']);
});
