import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRunLog } from '../../src/cli/run-log.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'dogwood-log-')), 'logs');
});
afterEach(async () => rm(join(folder, '..'), { recursive: true, force: true }));

const open = (time = 0, at = folder) =>
  createRunLog({ folder: () => at, command: 'build', now: () => new Date(time), pid: 7 });

test('a log opens with its first line, for its owner only', async () => {
  const log = open();
  expect(log.path).toBeUndefined();
  log.line('one\x1b[2J');
  log.info('two', { count: 2 });
  log.text('a\nb');
  log.close();
  log.line('after the end');
  expect(log.path).toBe(join(folder, '1970-01-01T00-00-00.000Z-build-7.log'));
  const stamp = '1970-01-01T00:00:00.000Z';
  expect(await readFile(log.path ?? '', 'utf8')).toBe(
    `${stamp} one\\x1b[2J\n${stamp} info two {"count":2}\n${stamp} a\n${stamp} b\n`,
  );
  expect((await stat(log.path ?? '')).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test('the last fifty are kept, and what is no log of ours', async () => {
  const first = open(0);
  first.line('x');
  first.close();
  await writeFile(join(folder, 'notes.txt'), 'mine');
  for (let i = 1; i <= 60; i++) {
    const log = open(i * 1000);
    log.line('x');
    log.close();
  }
  const names = await readdir(folder);
  expect(names).toHaveLength(51);
  expect(names).toContain('notes.txt');
  expect(names).toContain('1970-01-01T00-01-00.000Z-build-7.log');
  expect(names).not.toContain('1970-01-01T00-00-10.000Z-build-7.log');
});

test('where nothing can be written there is no log, and no failure', async () => {
  await writeFile(join(folder, '..', 'file'), '');
  const log = open(0, join(folder, '..', 'file', 'logs'));
  log.line('x');
  expect(log.path).toBeUndefined();
  log.close();
  const homeless = createRunLog({
    folder: () => {
      throw new Error('no home');
    },
    command: 'build',
    now: () => new Date(0),
    pid: 1,
  });
  homeless.line('x');
  expect(homeless.path).toBeUndefined();
  await chmod(join(folder, '..'), 0o700);
});
