import { describe, expect, it } from 'vitest';
import { createWarnings, parseWarnings, type RegistryWarning } from '../../../src/registry/http/warnings.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

describe('parseWarnings', () => {
  it.each([
    ['one', ['299 - "this is going away"'], ['this is going away']],
    ['with a date', ['299 reg.example "going" "Thu, 01 Jan 2026 00:00:00 GMT"'], ['going']],
    ['two in one line', ['299 - "a, b", 299 - "c"'], ['a, b', 'c']],
    ['two lines', ['299 - "a"', '299 - "b"'], ['a', 'b']],
    ['with quotes in it', ['299 - "say \\"no\\" \\\\"'], ['say "no" \\']],
    ['of a cache, which is not for people', ['110 - "Response is Stale", 299 - "b"'], ['b']],
    ['with what a terminal acts on', ['299 - "a\u001b[2Jb"'], ['a [2Jb']],
    ['that cannot be read', ['299 - unquoted', '299 "x"', 'nonsense', '299 - "never ends'], []],
    ['empty', ['299 - ""'], []],
  ])('reads warnings: %s', (_what, lines, texts) => {
    expect(parseWarnings(lines)).toEqual(texts);
  });

  it('keeps a novel short, and is quick with one', () => {
    expect(parseWarnings([`299 - "${'x'.repeat(10_000)}"`])[0]).toHaveLength(303);
    expect(parseWarnings([`299 - "${'\\'.repeat(1_000_000)}`])).toEqual([]);
  });
});

describe('createWarnings', () => {
  const collected = () => {
    const warnings: RegistryWarning[] = [];
    const hear = createWarnings((warning) => warnings.push(warning));
    return { warnings, hear };
  };

  it('tells the same once for each host', () => {
    const { warnings, hear } = collected();
    for (const host of ['a', 'a', 'b']) hear(host, { headers: { warning: ['299 - "old"'] } });
    expect(warnings.map(({ message }) => message)).toEqual(['a: old', 'b: old']);
  });

  it('has enough of a host that says something new each time', () => {
    const { warnings, hear } = collected();
    for (let n = 0; n < 100; n += 1) hear('a', { headers: { warning: [`299 - "${n}"`] } });
    expect(warnings).toHaveLength(10);
  });

  it.each([
    [
      '3;w=21600',
      '100;w=21600',
      'a: only 3 of 100 requests are left until it refuses more, which it counts over 21600 s',
    ],
    ['10', undefined, 'a: only 10 requests are left until it refuses more'],
    ['0;w=60', '5;w=60', 'a: only 0 of 5 requests are left'],
  ])('warns of %s left of %s, once', (left, limit, message) => {
    const { warnings, hear } = collected();
    const headers = { 'ratelimit-remaining': [left], ...(limit && { 'ratelimit-limit': [limit] }) };
    hear('a', { headers });
    hear('a', { headers: { ...headers, 'ratelimit-remaining': ['0'] } });
    expect(warnings).toMatchObject([
      { code: 'REGISTRY_LIMIT_NEAR', message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    ['76;w=21600', '100;w=21600'],
    ['4', '5'],
    ['many', '100'],
  ])('is quiet about %s of %s', (left, limit) => {
    const { warnings, hear } = collected();
    hear('a', { headers: { 'ratelimit-remaining': [left], 'ratelimit-limit': [limit] } });
    expect(warnings).toEqual([]);
  });

  it('hears every answer of a registry', async () => {
    const registry = await quirkRegistry({ quirks: { warning: 'this registry closes in May' } });
    const { warnings } = collected();
    const client = realClient({ onWarning: (warning) => warnings.push(warning) });
    await targetAt(registry, 'app', client).has(randomBlob(9).descriptor);
    expect(warnings).toEqual([
      { code: 'REGISTRY_WARNING', message: `${registry.host}: this registry closes in May` },
    ]);
  });
});
