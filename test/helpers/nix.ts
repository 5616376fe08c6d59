import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readlink, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { engineVariables } from '../../src/engines/environment.ts';
import { engineOrThrow, TOOLS } from './engines.ts';
import { runFolder } from './shared-things.ts';

/** A Nix of a test's own: its store, state, caches and configuration are in one folder, and nothing is fetched. */
export interface NixMachine {
  /** The whole environment for engines. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where the store's root lies: `/nix/store` is below it. */
  readonly root: string;
}

/** Makes a Nix with an empty store; needs the engine `nix`. */
export async function nixMachine(conf: readonly string[] = []): Promise<NixMachine> {
  const home = await mkdtemp(join(runFolder(), 'nix-'));
  const [root, etc, user] = [join(home, 'root'), join(home, 'etc'), join(home, 'home')];
  for (const folder of [root, etc, user]) await mkdir(folder);
  const lines = ['build-users-group =', 'substitute = false', 'fsync-metadata = false', ...conf];
  await writeFile(join(etc, 'nix.conf'), `${lines.join('\n')}\n`);
  const path = [join(TOOLS, 'bin'), dirname(engineOrThrow('nix')), '/usr/bin', '/bin'].join(':');
  const variables = engineVariables({
    PATH: path,
    HOME: user,
    NIX_REMOTE: root,
    NIX_CONF_DIR: etc,
    NIX_USER_CONF_FILES: '/dev/null',
  });
  return { variables, root };
}

/** Modules that the stand-in scripts import, with what those import. */
const MODULES = 'datetime, gzip, hashlib, io, json, pathlib, sys, tarfile, encodings.idna, encodings.latin_1';
const APPLETS =
  'cat chmod cp cut cd echo env find gzip head id ln ls mkdir printf rm sed sha256sum sleep sort touch true wc';

/**
 * Writes `tools` into a project: bash, busybox and a python3 that need nothing of the machine, so that they run in
 * Nix's sandbox, and the stand-ins for dockerTools. Needs the engines `bash-static`, `busybox` and `python3`.
 */
export async function putNixTools(project: string): Promise<void> {
  const made = await toolsFolder();
  await cp(made, join(project, 'tools'), { recursive: true, verbatimSymlinks: true });
  await cp(join(import.meta.dirname, '../builders/nix/stand-in'), join(project, 'stand-in'), {
    recursive: true,
  });
}

let tools: Promise<string> | undefined;

function toolsFolder(): Promise<string> {
  tools ??= makeTools();
  return tools;
}

async function makeTools(): Promise<string> {
  const folder = await mkdtemp(join(runFolder(), 'nix-tools-'));
  const [bin, lib] = [join(folder, 'bin'), join(folder, 'lib')];
  await mkdir(bin);
  await mkdir(lib);
  await copyFile(engineOrThrow('bash-static'), join(bin, 'bash'));
  await copyFile(engineOrThrow('busybox'), join(bin, 'busybox'));
  await symlink('bash', join(bin, 'sh'));
  for (const applet of APPLETS.split(' ')) await symlink('busybox', join(bin, applet));
  const python = await realpath(engineOrThrow('python3'));
  await copyFile(python, join(bin, 'python3'));
  const libraries = execFileSync('ldd', [python], { encoding: 'utf8' });
  for (const [, path = ''] of libraries.matchAll(/(?:=> )?(\/\S+) \(0x/g)) {
    await copyFile(path, join(lib, path.includes('/ld-') ? 'loader' : basename(path)));
  }
  await copyModules(python, lib);
  return folder;
}

/** Only what is imported: the whole library is three times the rest. */
async function copyModules(python: string, lib: string): Promise<void> {
  const list = `import ${MODULES}\nfor m in list(sys.modules.values()):\n  f = getattr(m, '__file__', None)\n  if f: print(f)`;
  const files = execFileSync(python, ['-S', '-B', '-c', list], { encoding: 'utf8' }).trim().split('\n');
  // OpenSSL is as large as all the rest, and hashlib does without.
  for (const file of files.filter((path) => !path.includes('/_hashlib.'))) {
    const below = file.replace(/^.*\/lib\/(?=python3)/, '');
    await mkdir(dirname(join(lib, below)), { recursive: true });
    await copyFile(file, join(lib, below));
    if (!file.endsWith('.so')) continue;
    const needs = execFileSync('ldd', [file], { encoding: 'utf8' });
    for (const [, path = ''] of needs.matchAll(/=> (\/\S+) \(0x/g))
      await copyFile(path, join(lib, basename(path)));
  }
}

/** What a store path of this machine's store is on the disk; its final links followed within the store. */
export async function onDisk(path: string, { root }: NixMachine): Promise<string> {
  const target = await readlink(`${root}${path}`).catch(() => undefined);
  return target === undefined ? `${root}${path}` : await onDisk(target, { root, variables: {} });
}
