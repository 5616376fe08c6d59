import { execFileSync } from 'node:child_process';

/** One path of a tree, everything an unpacker can get wrong. */
export interface TreeEntry {
  /** As `find -printf %y` says: f, d, l. */
  readonly type: string;
  /** Octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly linkTarget: string;
  /** The first of the names that are one file. */
  readonly sameFileAs: string;
  /** SHA-256 of a file's content. */
  readonly content: string;
}

/** A shell command that describes the folder it is run in; needs GNU find and coreutils. */
export const LIST_TREE = [
  "find . -printf '%P\\t%y\\t%m\\t%U\\t%G\\t%T@\\t%i\\t%l\\0'",
  "printf '\\0'",
  'find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z',
].join('; ');

/** What `LIST_TREE` printed, by path; the folder itself is ''. */
export function readTree(output: string): Readonly<Record<string, TreeEntry>> {
  const end = output.indexOf('\0\0');
  const hashes = new Map<string, string>();
  for (const line of output.slice(end + 2).split('\0')) {
    const match = /^(\S{64}) [ *]\.\/(.*)$/s.exec(line);
    if (match) hashes.set(match[2] ?? '', match[1] ?? '');
  }
  const lines = output.slice(0, end).split('\0').sort();
  const firstName = new Map<string, string>();
  const entries = lines.map((line): [string, TreeEntry] => {
    const [path = '', type = '', mode = '', uid, gid, mtime, inode = '', linkTarget = ''] = line.split('\t');
    if (!firstName.has(inode)) firstName.set(inode, path);
    return [
      path,
      {
        type,
        mode,
        uid: Number(uid),
        gid: Number(gid),
        mtime: Math.trunc(Number(mtime)),
        linkTarget,
        sameFileAs: firstName.get(inode) ?? path,
        content: hashes.get(path) ?? '',
      },
    ];
  });
  return Object.fromEntries(entries);
}

/** The tree of a folder of this machine. */
export function listTree(folder: string): Readonly<Record<string, TreeEntry>> {
  const output = execFileSync('bash', ['-c', LIST_TREE], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  return readTree(output);
}
