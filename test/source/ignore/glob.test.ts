import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileGlob, type GlobToken } from '../../../src/source/ignore/glob.ts';

const token: fc.Arbitrary<GlobToken> = fc.oneof(
  fc.stringMatching(/^[ab/]{1,2}$/).map((text): GlobToken => ({ kind: 'text', text })),
  fc.constantFrom<GlobToken>(
    { kind: 'star' },
    { kind: 'one' },
    { kind: 'folders' },
    { kind: 'class', negated: true, slash: true, ranges: [['a', 'a']] },
  ),
);

/** The same as a regular expression, which is right and, for patterns of strangers, too slow. */
function expression(tokens: readonly GlobToken[]): RegExp {
  const parts = tokens.map((each) => {
    if (each.kind === 'text') return each.text;
    return { star: '[^/]*', one: '[^/]', folders: '(?:.*/)?', rest: '.*', class: '[^a]' }[each.kind];
  });
  return new RegExp(`^${parts.join('')}$`);
}

it('matches what the same regular expression matches', () => {
  fc.assert(
    fc.property(
      fc.array(token, { maxLength: 5 }),
      fc.boolean(),
      fc.array(fc.stringMatching(/^[ab/]{0,8}$/), { minLength: 1, maxLength: 20 }),
      (tokens, rest, paths) => {
        const all: readonly GlobToken[] = rest ? [...tokens, { kind: 'rest' }] : tokens;
        const [matches, oracle] = [compileGlob(all), expression(all)];
        for (const path of paths) expect([path, matches(path)]).toEqual([path, oracle.test(path)]);
      },
    ),
    { numRuns: 3000, seed: 7 },
  );
});

it('takes no longer for a pattern that is made to be slow', () => {
  const slow = Array.from({ length: 40 }, (): GlobToken[] => [
    { kind: 'folders' },
    { kind: 'text', text: 'a' },
  ]);
  const matches = compileGlob(slow.flat());
  const start = performance.now();
  expect(matches(`${'a/'.repeat(500)}b`)).toBe(false);
  expect(performance.now() - start).toBeLessThan(2000);
});
