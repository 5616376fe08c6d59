import type { Tree } from '../../../source/tree.ts';

/** Where a project's shell is described. */
export interface ShellFile {
  /** Path below the root. */
  readonly path: string;
  readonly flake: boolean;
}

/** The shell that is named, else shell.nix, else the flake's; undefined where there is none. */
export async function findShell(tree: Tree, named: string | null): Promise<ShellFile | undefined> {
  for (const path of named === null ? ['shell.nix', 'flake.nix'] : [named]) {
    const found = await tree.stat(path);
    if (found?.kind === 'file') return { path, flake: path === 'flake.nix' };
  }
  return undefined;
}
