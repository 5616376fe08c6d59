import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSeenPaths } from '../../../src/oci/validate/seen-paths.ts';

it('knows what a set of strings knows', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'é', '.', '.wh.a', 'a\\b', ' ');
  const path = fc.array(segment, { maxLength: 4 }).map((segments) => segments.join('/'));
  fc.assert(
    fc.property(fc.array(path), (paths) => {
      const [seen, set] = [createSeenPaths(1024 * 1024), new Set<string>()];
      for (const each of paths) {
        expect(seen.add(each)).toBe(!set.has(each));
        set.add(each);
      }
    }),
  );
});

it('is bounded, and needs less than twice the bytes of many names', () => {
  const names = Array.from(
    { length: 20_000 },
    (_, i) => `usr/lib/node_modules/package-${i >> 4}/file-${i}.js`,
  );
  const bytes = names.reduce((sum, name) => sum + name.length, 0);
  const seen = createSeenPaths(2 * bytes);
  for (const name of names) seen.add(name);
  expect(names.map((name) => seen.add(name)).filter((isNew) => isNew)).toEqual([]);
  const small = createSeenPaths(1024);
  const addAll = () => names.map((name) => small.add(name));
  expect(addAll).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
});
