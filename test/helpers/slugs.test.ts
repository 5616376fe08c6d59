import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWith } from './engines.ts';
import { makeSlug, type SlugOptions, type SlugShape } from './slugs.ts';
import { temporaryFolder } from './temp.ts';

describeWith(['gnutar'], 'slugs made for tests', ({ gnutar }) => {
  const list = (path: string) =>
    execFileSync(gnutar, ['-tvzf', path, '--numeric-owner'], { encoding: 'utf8' }).trimEnd().split('\n');

  test.each(['./app/x', 'app/x', './app/./x'] as const)('are named %s', async (names) => {
    const { path } = await makeSlug(await temporaryFolder(), 'shell', { names });
    expect(list(path).filter((line) => line.endsWith(names.replace(/x$/, 'Procfile')))).toHaveLength(1);
    expect(list(path).every((line) => line.includes(' 57350/57350 '))).toBe(true);
  });

  test('have what unpackers trip over', async () => {
    const { path } = await makeSlug(await temporaryFolder(), 'node');
    const lines = list(path);
    expect(lines.filter((line) => line.startsWith('h'))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith('l')).length).toBeGreaterThan(3);
    expect(lines.find((line) => line.endsWith(' ./app/private/'))).toMatch(/^drwx------/);
  });

  test('come with two owners and with setuid', async () => {
    const options: SlugOptions = {
      otherOwner: ['bin/work'],
      modify: (app) => chmod(join(app, 'bin/serve'), 0o4755),
      names: './app/./x',
    };
    const { path } = await makeSlug(await temporaryFolder(), 'shell', options);
    const lines = list(path);
    expect(lines.filter((line) => line.includes('1234/1234'))).toEqual([
      expect.stringMatching(/\/\.\/bin\/work$/),
    ]);
    expect(lines.filter((line) => line.startsWith('-rws'))).toHaveLength(1);
    expect(lines.filter((line) => line.endsWith('bin/work'))).toHaveLength(1);
  });

  test('are the same bytes each time', async () => {
    const digest = async (shape: SlugShape) => {
      const { path } = await makeSlug(await temporaryFolder(), shape, { format: 'posix' });
      return createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    };
    expect(await digest('shell')).toBe(await digest('shell'));
  });
});

describeWith(['gnutar', 'python3'], 'a Python slug', () => {
  test('holds an interpreter that runs out of its own folder', async () => {
    const { app } = await makeSlug(await temporaryFolder(), 'python');
    const home = join(app, '.heroku/python');
    const env = { PYTHONHOME: home, LD_LIBRARY_PATH: join(home, 'lib') };
    const code = 'import http.server, json, sys; print(sys.prefix)';
    expect(execFileSync(join(home, 'bin/python'), ['-c', code], { env, encoding: 'utf8' }).trim()).toBe(home);
  });
});
