import { DogwoodError } from '../../errors.ts';
import type { TarEntry, TarPlacement } from '../../oci/tar/entry.ts';
import type { TarHandler } from '../../oci/tar/reader.ts';
import type { Owner } from '../app-image/user.ts';

/** Part of every verdict kept on disk, beside the reader's: raised when what may be kept, or what is noted, changes. */
export const SLUG_RULES_VERSION = 1;

const PROCFILE = 'app/Procfile';
const MAX_PROCFILE_BYTES = 64 * 1024;
const MAX_ID = 65_535;

export interface Inspection {
  readonly members: number;
  readonly keep: Owner | null;
  readonly change: string | null;
  readonly procfile: string | null;
  readonly signs: readonly string[];
}

export interface SlugInspector extends TarHandler {
  /** The first thing that keeps the slug's bytes from becoming the layer; known as soon as it was read. */
  readonly change: string | undefined;
  /** What Heroku leaves in a slug, as far as it was read. */
  readonly signs: readonly string[];
  /** Members outside app/, as far as it was read. */
  readonly outside: number;
  /** The whole verdict, after the last entry. Throws SLUG_EMPTY and SLUG_UNRECOGNISED. */
  finish(name: string): Inspection;
}

export function isInApp(path: string): boolean {
  return path === 'app' || path.startsWith('app/');
}

/** What would have to change in this entry before it may be part of an image; undefined when nothing. */
function neededChange(
  entry: TarEntry,
  owner: Owner,
  placement: TarPlacement | undefined,
): string | undefined {
  if (!isInApp(entry.path)) return 'lies outside app/';
  if (entry.uid !== owner.uid || entry.gid !== owner.gid) {
    return `belongs to ${entry.uid}:${entry.gid}, others to ${owner.uid}:${owner.gid}`;
  }
  if (entry.uid < 1 || entry.uid > MAX_ID || entry.gid < 1 || entry.gid > MAX_ID) {
    return `belongs to ${entry.uid}:${entry.gid}; ids from 1 to ${MAX_ID} can be kept`;
  }
  if (entry.type !== 'symlink' && (entry.mode & 0o6000) !== 0) return 'is setuid or setgid';
  if ((entry.xattrs?.size ?? 0) > 0 || (entry.vendorKeywords?.length ?? 0) > 0)
    return 'has extended attributes';
  if (entry.path === 'app') {
    return (entry.mode & 0o700) === 0o700 ? undefined : 'cannot be written by its owner';
  }
  // A folder that is not in the archive would be made by the runtime, and belong to root.
  if (placement?.parentIsMember) return undefined;
  return `comes before its folder ${entry.path.slice(0, entry.path.lastIndexOf('/'))}/`;
}

function signOf(path: string): string | undefined {
  if (path === PROCFILE) return 'Procfile';
  const match = /^app\/(\.heroku|\.profile\.d)(?:\/|$)/.exec(path);
  return match?.[1];
}

/** Watches a slug's entries as they stream: may its bytes be kept, which processes does it name, is it a slug at all? */
export function createSlugInspector(): SlugInspector {
  const signs = new Set<string>();
  let owner: Owner | undefined;
  let change: string | undefined;
  let members = 0;
  let files = 0;
  let outside = 0;
  let procfile: Buffer[] | undefined;
  let procfileSize = 0;
  let inProcfile = false;

  return {
    get change() {
      return change;
    },
    get signs() {
      return [...signs];
    },
    get outside() {
      return outside;
    },
    entry(entry, placement) {
      // As a layer it would make /app a link to anywhere, or a file that no process can start in.
      if (entry.path === 'app' && entry.type !== 'directory') {
        throw new DogwoodError('SLUG_UNRECOGNISED', `${entry.rawPath} is no folder, so this is no slug`);
      }
      inProcfile = entry.path === PROCFILE && entry.type === 'file';
      if (inProcfile) procfile = [];
      owner ??= { uid: entry.uid, gid: entry.gid };
      const needed = change === undefined ? neededChange(entry, owner, placement) : undefined;
      if (needed !== undefined) change = `${entry.rawPath || './'} ${needed}`;
      if (!isInApp(entry.path)) {
        // `tar -C app/.. .` begins with an entry for the root itself, which says nothing of what it is about.
        if (entry.path !== '') outside += 1;
        return;
      }
      members += 1;
      if (entry.type !== 'directory') files += 1;
      const sign = signOf(entry.path);
      if (sign !== undefined) signs.add(sign);
    },
    data(bytes) {
      if (!inProcfile) return;
      procfileSize += bytes.length;
      if (procfileSize > MAX_PROCFILE_BYTES) {
        throw new DogwoodError('LIMIT_EXCEEDED', `${PROCFILE} is larger than ${MAX_PROCFILE_BYTES} bytes`, {
          hint: 'Is it the Procfile? No --limit changes what is read of it.',
        });
      }
      procfile?.push(Buffer.from(bytes));
    },
    finish(name) {
      if (files === 0 && outside > 0) {
        throw new DogwoodError('SLUG_UNRECOGNISED', `${name} is no slug: nothing in it lies under app/`);
      }
      if (files === 0) throw new DogwoodError('SLUG_EMPTY', `${name} holds no file under app/`);
      return {
        members,
        keep: change === undefined && owner ? owner : null,
        change: change ?? null,
        procfile: procfile ? Buffer.concat(procfile).toString('utf8') : null,
        signs: [...signs],
      };
    },
  };
}
