/**
 * Makes dist/ of src/, in one move: whoever runs the old program meanwhile never meets half of the new one. With
 * `--if-stale` only where a source is newer, for npx runs `prepare` too before it starts the command of the package
 * it stands in.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const changed = (path: string): number => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

function isStale(): boolean {
  const made = changed('dist/main.js');
  return ['tsconfig.json', 'tsconfig.build.json', ...globSync('src/**', { cwd: ROOT })].some(
    (path) => changed(path) > made,
  );
}

function compile(): number {
  const fresh = `${DIST}-${process.pid}`;
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const project = join(ROOT, 'tsconfig.build.json');
  const { status } = spawnSync(compiler, ['-p', project, '--outDir', fresh], { stdio: 'inherit' });
  if (status === 0) {
    for (const path of globSync('**/*.sh', { cwd: join(ROOT, 'src') })) {
      copyFileSync(join(ROOT, 'src', path), join(fresh, path));
    }
    rmSync(DIST, { recursive: true, force: true });
    renameSync(fresh, DIST);
  }
  rmSync(fresh, { recursive: true, force: true });
  return status ?? 1;
}

if (!process.argv.includes('--if-stale') || isStale()) process.exitCode = compile();
