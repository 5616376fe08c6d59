import type { Tree } from '../../source/tree.ts';

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
 * the lock file is never written. Other files may read the project and nothing else.
 */
export function installable(
  tree: Tree,
  file: NixFile,
  attribute: string | null,
  system: string,
): readonly string[] {
  if (file.flake) {
    const folder = tree.root.split('/').map(encodeURIComponent).join('/');
    return [
      `path:${folder}${attribute === null ? '' : `#${attribute}`}`,
      '--no-update-lock-file',
      '--no-write-lock-file',
    ];
  }
  return [
    '-f',
    `${tree.root}/${file.path}`,
    ...(attribute === null ? [] : [attribute]),
    '-I',
    `source=${tree.root}`,
    '--argstr',
    'system',
    system,
  ];
}
