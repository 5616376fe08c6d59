import { expect, test } from 'vitest';
import { hideInFailure, hideSecrets } from '../../../src/builders/dockerfile/hidden-secrets.ts';
import { DogwoodError } from '../../../src/errors.ts';

const secret = (value: string) => ({ id: 'one', value: Buffer.from(value) });

test('the value of a secret is hidden wherever it stands, and its line end is no part of it', () => {
  const hide = hideSecrets([secret('hunt\n')]);
  expect(hide('+ login --password=hunt && hunt')).toBe('+ login --password=*** && ***');
});

test('the long lines of a secret of several lines are hidden, the short ones are ordinary text', () => {
  const hide = hideSecrets([secret('{\r\n  "key": "abcdefgh"\r\n}\n')]);
  expect(hide('"key": "abcdefgh" }')).toBe('*** }');
});

test('a value that holds another is hidden whole', () => {
  expect(hideSecrets([secret('abcd'), secret('abcd-efgh')])('abcd-efgh abcd')).toBe('*** ***');
});

test('empty and very short secrets leave the text alone', () => {
  expect(hideSecrets([secret(''), secret('a')])('a banana')).toBe('a banana');
});

test('a failure keeps its code and loses the value', () => {
  const error = new DogwoodError('DOCKERFILE_STEP_FAILED', 'said hunter22', { hint: 'not hunter22' });
  expect(hideInFailure(error, hideSecrets([secret('hunter22')]))).toMatchObject({
    code: 'DOCKERFILE_STEP_FAILED',
    message: 'said ***',
    hint: 'not ***',
  });
});
