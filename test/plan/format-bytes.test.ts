import { describe, expect, test } from 'vitest';
import { formatBytes } from '../../src/plan/format-bytes.ts';

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
