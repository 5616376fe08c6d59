import { execFileSync, spawnSync } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** A copy of what packing reads and writes, for it puts another package.json in place for a moment. */
async function copyOfPackage(): Promise<string> {
  const copy = await temporaryFolder();
  const names = ['package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE', 'bin', 'src', 'tools'];
  for (const name of names) await cp(join(REPOSITORY, name), join(copy, name), { recursive: true });
  await symlink(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

test('what is published brings no Node and nothing of development, and runs', async () => {
  const copy = await copyOfPackage();
  const before = await readFile(join(copy, 'package.json'), 'utf8');
  const env = { ...process.env, npm_config_offline: 'true' };
  execFileSync('npm', ['pack', '--silent', '--pack-destination', copy], { cwd: copy, env });
  expect(await readFile(join(copy, 'package.json'), 'utf8')).toBe(before);

  const version = JSON.parse(before).version;
  execFileSync('tar', ['-xzf', join(copy, `dogwood-${version}.tgz`), '-C', copy]);
  const published = await read(join(copy, 'package/package.json'));
  expect(Object.keys(published).sort()).toEqual(
    ['bin', 'dependencies', 'description', 'engines', 'files', 'license', 'name', 'type', 'version'].sort(),
  );
  const files = execFileSync('tar', ['-tzf', join(copy, `dogwood-${version}.tgz`)], { encoding: 'utf8' });
  expect(files).toContain('package/dist/main.cjs\n');
  expect(files.split('\n').filter((name) => /\/(test|tools|src|node_modules)\//.test(name))).toEqual([]);

  const program = join(copy, 'package/bin/build.js');
  const run = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8' });
  expect([run.stdout.includes(version), run.status]).toEqual([true, 0]);

  // As a shell starts it. Node reads an --env-file among the arguments as its own, and NODE_OPTIONS in it
  // (nodejs/node#54232); the application's file must reach neither Node nor this program's environment.
  await writeFile(join(copy, 'app.env'), 'NODE_OPTIONS=--no-such-option\n');
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const start = (file: string) =>
    spawnSync(program, ['inspect', '--env-file', file], { cwd: copy, encoding: 'utf8', env: { PATH } });
  for (const file of ['app.env', 'missing.env']) {
    expect(start(file)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("unknown option '--env-file'"),
    });
  }
});

test('an old Node is told so in one line', async () => {
  const fake = join(await temporaryFolder(), 'old.mjs');
  await writeFile(fake, "Object.defineProperty(process.versions, 'node', { value: '24.14.1' });\n");
  const program = join(REPOSITORY, 'bin/build.js');
  const run = spawnSync(process.execPath, ['--import', fake, program, '--version'], { encoding: 'utf8' });
  expect(run.stderr).toBe('build needs Node 24.15 or later; this is Node 24.14.1\n');
  expect([run.stdout, run.status]).toEqual(['', 2]);
});

test('every package that could run an install script is told not to', async () => {
  const { packages } = await read(join(REPOSITORY, 'package-lock.json'));
  const { allowScripts } = await read(join(REPOSITORY, 'package.json'));
  const withScripts = Object.entries(packages as Record<string, { hasInstallScript?: boolean }>)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.split('node_modules/').at(-1))
    .filter((name) => name !== '');
  expect(withScripts.filter((name) => allowScripts[name ?? ''] !== false)).toEqual([]);
});
