import { describe, expect, test } from 'vitest';
import { formatDuration, formatTable } from '../../../src/cli/output/format.ts';
import { formatBytes } from '../../../src/plan/format-bytes.ts';

describe('formatBytes', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [301_400_000, '301.4 MB'],
    [999_949, '999.9 kB'],
    [999_960, '1.0 MB'],
    [5_000_000_000, '5.0 GB'],
    [9e15, '9000.0 TB'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

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
