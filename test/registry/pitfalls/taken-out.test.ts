import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../helpers/engines.ts';
import { TAKEN_OUT } from './taken-out.ts';

/** `00` are the facts, 01 to 22 the pitfalls. */
const PITFALLS = Array.from({ length: 23 }, (_, i) => String(i).padStart(2, '0'));

describe('the proofs of the pitfalls', () => {
  it.each(PITFALLS)('%s has one test file, and a proof', (pitfall) => {
    const files = readdirSync(import.meta.dirname).filter((name) => name.startsWith(`${pitfall}-`));
    expect(files).toHaveLength(1);
    expect(TAKEN_OUT.filter((proof) => proof.pitfall === pitfall)).not.toEqual([]);
  });

  // That they prove something is seen by `npm run test:pitfalls`, which takes a minute.
  it.each(TAKEN_OUT.map((proof) => [`${proof.pitfall} ${proof.without}`, proof] as const))(
    'names lines that are there once: %s',
    (_name, { file, find, replace }) => {
      expect(readFileSync(join(REPOSITORY, file), 'utf8').split(find)).toHaveLength(2);
      expect(replace).not.toBe(find);
    },
  );
});
