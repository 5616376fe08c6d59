import { expect, test } from 'vitest';
import { answer, inspection, readInspection } from '../../../src/builders/nix/look/inspection.ts';

const facts = JSON.stringify({ name: 'x', imageName: 'x', isExe: false, copyTo: false });
const stdout = JSON.stringify({ self: null, attributes: { 'a.b': facts, other: null }, nested: {} });

test('what Nix says of attributes becomes images under their full names', () => {
  const inspected = answer({ exitCode: 0, stdout, errors: [] }, inspection);
  if (inspected === undefined) throw new Error('it was not read');
  expect(readInspection(inspected, 'packages.x')).toEqual({
    names: ['packages.x."a.b"'],
    images: [{ attribute: 'packages.x."a.b"', output: 'archive' }],
  });
});

test('an answer whose beginning was dropped for its length, and a failure, are none', () => {
  expect(answer({ exitCode: 0, stdout: stdout.slice(9), errors: [] }, inspection)).toBeUndefined();
  expect(answer({ exitCode: 0, stdout: '{"self":"no JSON"}', errors: [] }, inspection)).toBeUndefined();
  expect(answer({ exitCode: 1, stdout, errors: [] }, inspection)).toBeUndefined();
});
