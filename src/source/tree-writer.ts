import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DogwoodError } from '../errors.ts';
import type { TarEntry } from '../oci/tar/entry.ts';
import { showName } from '../oci/tar/names.ts';
import type { TarHandler } from '../oci/tar/reader.ts';

export interface TreeWriter extends TarHandler {
  /** Makes the symlinks and sets the times of folders, after the last entry. */
  finish(): void;
  /** Closes what is open, after a failure too. */
  close(): void;
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes the entries of the strict reader below `root`, a folder that it makes itself. The reader has refused names
 * that leave it, repeats, and members behind links; beyond that, everything is made anew (O_EXCL), folders are our own,
 * and symlinks come last, so that no path written to has ever gone through one.
 *
 * Owners are ours; of modes only "may be executed" is kept; times are kept, since images are made of these files.
 */
export function createTreeWriter(root: string): TreeWriter {
  const folders = new Map<string, number>();
  const links: TarEntry[] = [];
  let open: { readonly file: number; readonly entry: TarEntry } | undefined;
  mkdirSync(root, { mode: 0o700 });

  const makeFolder = (path: string, mtime: number): void => {
    mkdirSync(join(root, path));
    // Whatever the umask: these modes end up in images.
    chmodSync(join(root, path), 0o755);
    folders.set(path, mtime);
  };

  /** Folders that the archive does not list are as old as the first thing in them. */
  const makeParents = (path: string, mtime: number): void => {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      if (!folders.has(parent)) makeFolder(parent, mtime);
    }
  };

  return {
    entry(entry) {
      guard(entry, () => {
        makeParents(entry.path, entry.mtime);
        const path = join(root, entry.path);
        if (entry.type === 'file') open = { file: openSync(path, NEW_FILE, 0o600), entry };
        else if (entry.type === 'symlink') links.push(entry);
        else if (entry.type === 'hardlink') linkSync(join(root, entry.linkTarget ?? ''), path);
        else if (folders.has(entry.path)) folders.set(entry.path, entry.mtime);
        else if (entry.path !== '') makeFolder(entry.path, entry.mtime);
      });
    },
    data(bytes) {
      if (open === undefined) return;
      const { file, entry } = open;
      guard(entry, () => {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      });
    },
    endEntry() {
      if (open === undefined) return;
      const { file, entry } = open;
      open = undefined;
      try {
        fchmodSync(file, (entry.mode & 0o111) === 0 ? 0o644 : 0o755);
        futimesSync(file, entry.mtime, entry.mtime);
      } finally {
        closeSync(file);
      }
    },
    finish() {
      for (const link of links) {
        guard(link, () => {
          symlinkSync(link.linkTarget ?? '', join(root, link.path));
          lutimesSync(join(root, link.path), link.mtime, link.mtime);
        });
      }
      for (const [path, mtime] of [...folders].toReversed()) utimesSync(join(root, path), mtime, mtime);
    },
    close() {
      if (open !== undefined) closeSync(open.file);
      open = undefined;
    },
  };
}

/** What the file system says to a name that the archive's rules allow. */
function guard(entry: TarEntry, run: () => void): void {
  try {
    run();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENAMETOOLONG' || code === 'EILSEQ' || code === 'EINVAL') {
      throw new DogwoodError('TAR_PATH_UNSAFE', `this machine cannot hold ${showName(entry.rawPath)}`, {
        hint: 'Unpack it elsewhere and shorten the name.',
        cause,
      });
    }
    // A file system that takes `A` and `a` for one name.
    if (code === 'EEXIST') {
      throw new DogwoodError('TAR_DUPLICATE', `member ${showName(entry.rawPath)} is there already`, {
        cause,
      });
    }
    throw cause;
  }
}
