import { expect, test } from 'vitest';
import { ulidOf } from '../../src/rollout/ulid.ts';

test('its first ten letters are the time, as in the example of the specification', () => {
  expect(ulidOf(1_469_918_176_385, 'x').slice(0, 10)).toBe('01ARYZ6S41');
  expect(ulidOf(0, 'x').slice(0, 10)).toBe('0000000000');
  expect(ulidOf(2 ** 48 - 1, 'x').slice(0, 10)).toBe('7ZZZZZZZZZ');
});

test('the same moment and content give the same one, and nothing else does', () => {
  expect(ulidOf(1, 'x')).toBe(ulidOf(1, 'x'));
  const ids = Array.from({ length: 1000 }, (_, index) => ulidOf(1, String(index)));
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^0000000001[0-9A-HJKMNP-TV-Z]{16}$/);
});
