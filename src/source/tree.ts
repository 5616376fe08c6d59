import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { DogwoodError } from '../errors.ts';
import { type WalkEntry, type WalkOptions, walk } from './walk.ts';

export interface TreeEntry {
  /** Below the root, with slashes: `src/main.ts`. */
  readonly path: string;
  /** A `link` leads out of the tree or nowhere; other links are what they lead to. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Bytes; 0 for what is no file. */
  readonly size: number;
  readonly executable: boolean;
}

/** A read-only view of a folder that cannot leave its root, whatever links lie in it. */
export interface Tree {
  /** For messages and for naming the image. */
  readonly name: string;
  /** Real, absolute path, for engines that need a folder. */
  readonly root: string;
  /** What a path below the root is; undefined when there is nothing. */
  stat(path: string): Promise<TreeEntry | undefined>;
  /** What lies in a folder, sorted by name; empty when there is no such folder. */
  list(path: string): Promise<readonly TreeEntry[]>;
  /** A text file, whole; undefined when there is no such file. Throws LIMIT_EXCEEDED, SOURCE_UNREADABLE. */
  readText(path: string, limit?: number): Promise<string | undefined>;
  /**
   * Everything below the root, parents first, no link followed; `visit` says of a folder whether to go into it.
   * Gives false when there was more than `maxEntries`. Throws SOURCE_UNREADABLE.
   */
  walk(visit: (entry: WalkEntry) => boolean, options?: WalkOptions): Promise<boolean>;
}

/** Files that are read whole are project files; none of them is larger than this (bytes). */
const TEXT_LIMIT = 1024 * 1024;

/** Opens a folder as a tree. Throws SOURCE_UNREADABLE. */
export async function openTree(folder: string, name = basename(resolve(folder))): Promise<Tree> {
  const root = await realpath(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new DogwoodError('SOURCE_UNREADABLE', `${folder} cannot be read: ${cause.code}`, { cause });
  });
  return {
    name,
    root,
    stat: (path) => statEntry(root, path),
    async list(path) {
      const target = await within(root, path);
      const names = target === undefined ? [] : await readdir(target).catch(noFolder(path));
      const entries = await Promise.all(
        names.sort().map((each) => statEntry(root, path === '' ? each : `${path}/${each}`)),
      );
      return entries.filter((entry) => entry !== undefined);
    },
    readText: (path, limit = TEXT_LIMIT) => readText(root, path, limit),
    walk: (visit, options) => walk(root, visit, options),
  };
}

/** The real path of what lies at `path`; undefined when there is nothing or it lies outside. */
async function within(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(join(root, path)).catch(() => undefined);
  return real === root || real?.startsWith(root === sep ? sep : root + sep) ? real : undefined;
}

async function statEntry(root: string, path: string): Promise<TreeEntry | undefined> {
  const target = await within(root, path);
  if (target === undefined) {
    // The folder it lies in must be inside: a name beyond a link out of the tree is none of ours.
    const parent = await within(root, join(path, '..'));
    const own =
      parent === undefined ? undefined : await lstat(join(parent, basename(path))).catch(() => undefined);
    return own?.isSymbolicLink() ? { path, kind: 'link', size: 0, executable: false } : undefined;
  }
  const found = await stat(target).catch(() => undefined);
  if (found === undefined) return undefined;
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  return { path, kind, size: kind === 'file' ? found.size : 0, executable: (found.mode & 0o111) !== 0 };
}

async function readText(root: string, path: string, limit: number): Promise<string | undefined> {
  const target = await within(root, path);
  if (target === undefined) return undefined;
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    throw new DogwoodError('SOURCE_UNREADABLE', `${path} cannot be read: ${cause.code}`, { cause });
  };
  const found = await stat(target).catch(unreadable);
  if (!found.isFile()) return undefined;
  if (found.size > limit) {
    throw new DogwoodError('LIMIT_EXCEEDED', `${path} has ${found.size} bytes, more than ${limit}`, {
      hint: 'A project file of that size is none; check what it is.',
    });
  }
  const file = await open(target, 'r').catch(unreadable);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function noFolder(path: string) {
  return (cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === 'ENOTDIR') return [];
    throw new DogwoodError('SOURCE_UNREADABLE', `${path || 'the folder'} cannot be read: ${cause.code}`, {
      cause,
    });
  };
}
