import { describe, expect, test } from 'vitest';
import {
  parseDestination,
  parseDuration,
  parsePair,
  parseQuorum,
  parseRegistryHost,
  parseSize,
} from '../../src/cli/flag-values.ts';

const usage = expect.objectContaining({ code: 'USAGE' });

describe('parseDuration', () => {
  test.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['1.5m', 90_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
  ])('%s is %d ms', (text, milliseconds) => expect(parseDuration('--timeout', text)).toBe(milliseconds));

  test.each(['', '0', '-1', '5 minutes', '1d', '99999h', 's', '1h 30m', '1e3'])('%j is refused', (text) => {
    expect(() => parseDuration('--timeout', text)).toThrow(usage);
  });
});

describe('parseSize', () => {
  test.each([
    ['100', 100],
    ['4k', 4096],
    ['32G', 32 * 1024 ** 3],
    ['2MiB', 2 * 1024 ** 2],
  ])('%s is %d', (text, size) => expect(parseSize(text)).toBe(size));

  test.each(['', '0', '-4', '1.5G', '4T', 'k', '9999999999999G'])('%j is none', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe('parseDestination', () => {
  test('a region stands before the sign', () => {
    expect(parseDestination('-t', 'registry.example:5000/app:v1')).toEqual({
      reference: 'registry.example:5000/app:v1',
    });
    expect(parseDestination('-t', 'fra=registry.example/app')).toEqual({
      region: 'fra',
      reference: 'registry.example/app',
    });
  });

  test('a tag alone leaves the rest to what is configured', () => {
    expect(parseDestination('-t', 'fra=:v1')).toEqual({ region: 'fra', tag: 'v1' });
    expect(parseDestination('-t', ':v1')).toEqual({ tag: 'v1' });
  });

  test.each(['', ':', 'fra=', 'fra=:', '=:v1', '=registry.example/app', 'a/b=registry.example/app'])(
    '%j is refused',
    (text) => {
      expect(() => parseDestination('-t', text)).toThrow(usage);
    },
  );
});

test('parsePair takes the first sign', () => {
  expect(parsePair('--label', 'a=b=c')).toEqual(['a', 'b=c']);
  expect(parsePair('--label', 'a=')).toEqual(['a', '']);
  for (const text of ['a', '=b', '']) expect(() => parsePair('--label', text)).toThrow(usage);
});

test('parseQuorum', () => {
  expect(['any', 'all', '2'].map((text) => parseQuorum('--quorum', text))).toEqual(['any', 'all', 2]);
  for (const text of ['0', '-1', 'most', '1.5']) expect(() => parseQuorum('--quorum', text)).toThrow(usage);
});

test('parseRegistryHost', () => {
  expect(parseRegistryHost('--insecure-registry', 'Registry.Example:5000')).toBe('registry.example:5000');
  expect(parseRegistryHost('--insecure-registry', '[::1]:5000')).toBe('[::1]:5000');
  for (const text of ['http://host', 'host/repository', 'host:port', '']) {
    expect(() => parseRegistryHost('--insecure-registry', text)).toThrow(usage);
  }
});
