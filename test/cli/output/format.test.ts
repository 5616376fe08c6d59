import { describe, expect, test } from 'vitest';
import { formatDuration, formatTable } from '../../../src/cli/output/format.ts';

describe('formatDuration', () => {
  test.each([
    [-5, '0.0 s'],
    [340, '0.3 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_900, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [7_200_000, '2 h'],
  ])('%d ms is %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));
});

test('formatTable aligns columns and leaves no space behind', () => {
  const rows = [
    ['a', '1', 'x'],
    ['bcd', '200', ''],
  ];
  expect(formatTable(rows, [1])).toEqual(['a      1  x', 'bcd  200']);
});
