import { expect, test } from 'vitest';
import { asDogwoodError, DogwoodError } from '../src/errors.ts';

const systemError = (code: string) => Object.assign(new Error(`${code}: something`), { code });

test.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EIO', 'IO_FAILED'],
  ['EMFILE', 'IO_FAILED'],
  ['EWHAT', 'INTERNAL'],
])('%s of the machine is %s', (errno, code) => {
  expect(asDogwoodError(systemError(errno)).code).toBe(code);
});

test('an error with a code of ours stays what it is, and what is no error is a bug', () => {
  const own = new DogwoodError('SLUG_EMPTY', 'nothing in it');
  expect(asDogwoodError(own)).toBe(own);
  expect(asDogwoodError('thrown').code).toBe('INTERNAL');
});
