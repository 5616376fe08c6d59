import { expect, test } from 'vitest';
import { hasWishes, wishesOf } from '../../../src/builders/buildpacks/wishes.ts';
import { EMPTY_PROJECT } from '../../../src/plan/project.ts';

const from = (file: string) => (value: string) => ({ value, from: file });
const [toml, procfile] = [from('dogwood.toml'), from('Procfile')];

test('a Procfile is for the buildpacks to read', () => {
  const wishes = wishesOf({ ...EMPTY_PROJECT, processes: { web: procfile('x') } });
  expect(wishes).toEqual({});
  expect(hasWishes(wishes)).toBe(false);
});

test('one process of dogwood.toml makes all of them the project’s, with the release command', () => {
  const wishes = wishesOf({
    ...EMPTY_PROJECT,
    processes: { web: procfile('x'), Mail_Worker: toml('y') },
    release: { value: { command: 'migrate', timeout: null }, from: 'Procfile' },
  });
  expect(wishes.processes).toEqual({ web: 'x', Mail_Worker: 'y', release: 'migrate' });
  expect(hasWishes(wishes)).toBe(true);
});

test('a user is one by itself', () => {
  expect(hasWishes(wishesOf({ ...EMPTY_PROJECT, user: toml('1:2') }))).toBe(true);
});
