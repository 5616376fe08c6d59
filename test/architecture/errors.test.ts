import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { errorsPage } from '../../tools/errors-page.ts';
import { REPOSITORY } from '../helpers/engines.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

/** The sources without the table itself, where every code stands. */
function sources(): string {
  const read = (path: string) => readFileSync(join(REPOSITORY, 'src', path), 'utf8');
  const others = globSync('**/*.ts', { cwd: join(REPOSITORY, 'src') }).filter((path) => path !== 'errors.ts');
  const table = read('errors.ts');
  return [...others.map(read), table.slice(table.indexOf('export type ErrorCode'))].join('\n');
}

// That every thrown code is in the table is what the types say.
test('every code of the table is thrown somewhere', () => {
  const text = sources();
  expect(codes.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});

test('every code is on its page, once', () => {
  const page = errorsPage();
  expect(codes.filter((code) => page.split(`| \`${code}\` |`).length !== 2)).toEqual([]);
});

test('exit codes are those of the command line reference', () => {
  expect(codes.filter((code) => ![1, 2, 3, 4, 70, 124, 130].includes(ERRORS[code].exitCode))).toEqual([]);
});

test('what the input is at fault for is never retried', () => {
  expect(codes.filter((code) => ERRORS[code].fault === 'user' && ERRORS[code].retryable)).toEqual([]);
});

test('every hint is one sentence that ends', () => {
  expect(codes.filter((code) => !/^[A-Z`][^\n]{10,}\.$/.test(ERRORS[code].hint))).toEqual([]);
});

test('every document that a hint names is there', () => {
  const named = codes.flatMap((code) => ERRORS[code].hint.match(/docs\/[\w/-]+\.md/g) ?? []);
  expect(named.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
});
