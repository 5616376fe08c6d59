import type { Tree } from '../../../source/tree.ts';

/** A Nix file of the project. */
export interface NixFile {
  /** Path below the root. */
  readonly path: string;
  readonly flake: boolean;
}

/** The files that may say how an image is built, in the order in which they are looked at. */
export const NIX_FILES: readonly NixFile[] = [
  { path: 'flake.nix', flake: true },
  { path: 'default.nix', flake: false },
  { path: 'docker.nix', flake: false },
];

/**
 * Arguments of `nix` that name an attribute of the project. Flakes are named by `path:`, since an upload has no .git;
 * the lock file is never written. Other files may read the project and nothing else. Nix must be run in the tree's root:
 * versions differ in how they read an address with a space in it.
 */
export function installable(
  tree: Tree,
  file: NixFile,
  attribute: string | null,
  system: string,
): readonly string[] {
  if (file.flake) {
    return [
      `path:.${attribute === null ? '' : `#${attribute}`}`,
      '--no-update-lock-file',
      '--no-write-lock-file',
    ];
  }
  return [
    '-f',
    `./${file.path}`,
    ...(attribute === null ? [] : [attribute]),
    '-I',
    `source=${tree.root}`,
    '--argstr',
    'system',
    system,
  ];
}
