import { lstatSync } from 'node:fs';
import type { Tree } from '../tree.ts';
import type { Ignore, IgnoreState } from './ignore.ts';

/** Bytes of a build's context from which on somebody should know. */
export const LARGE_CONTEXT_BYTES = 100 * 1024 * 1024;
const NAMED = 5;
/** A folder is named by what fills it: gone into while one thing in it holds this share. */
const SHARE = 0.8;

export interface SizedPath {
  readonly path: string;
  readonly bytes: number;
}

/** What an engine will be sent. */
export interface ContextSize {
  readonly files: number;
  readonly bytes: number;
  /** The five largest files and folders, none of them within another. */
  readonly largest: readonly SizedPath[];
}

/** What lies directly in one folder. */
interface Folder {
  readonly state: IgnoreState | undefined;
  bytes: number;
  /** The largest files in it, largest first. */
  largest: readonly SizedPath[];
}

/**
 * Adds up what of a tree is not left out, by the sizes that files say they have; links are not followed.
 * Throws SOURCE_UNREADABLE.
 */
export async function contextSize(tree: Tree, ignore: Ignore, signal?: AbortSignal): Promise<ContextSize> {
  const root: Folder = { state: undefined, bytes: 0, largest: [] };
  const folders = new Map<string, Folder>([['', root]]);
  let files = 0;
  let [path, folder] = ['', root];
  await tree.walk(
    (entry) => {
      // All of one folder come together.
      const parent = parentOf(entry.path);
      if (parent !== path) [path, folder] = [parent, folders.get(parent) ?? root];
      const state = ignore.step(entry.path, entry.kind === 'folder', folder.state);
      if (entry.kind === 'folder') {
        if (!state.prune) folders.set(entry.path, { state, bytes: 0, largest: [] });
        return !state.prune;
      }
      if (state.ignored || entry.kind !== 'file') return false;
      files += 1;
      addFile(folder, entry.path, sizeOf(`${tree.root}/${entry.path}`));
      return false;
    },
    { maxEntries: Number.MAX_SAFE_INTEGER, signal },
  );
  const bytes = sumUp(folders);
  return { files, bytes, largest: largestOf(folders) };
}

const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));

function addFile(folder: Folder, path: string, bytes: number): void {
  folder.bytes += bytes;
  const least = folder.largest.at(-1);
  if (folder.largest.length === NAMED && least !== undefined && least.bytes >= bytes) return;
  folder.largest = [...folder.largest, { path, bytes }].sort(bySize).slice(0, NAMED);
}

const bySize = (a: SizedPath, b: SizedPath): number => b.bytes - a.bytes || (a.path < b.path ? -1 : 1);

/** Adds each folder to the one it lies in; gives what is in all of them. Folders come behind the ones they lie in. */
function sumUp(folders: ReadonlyMap<string, Folder>): number {
  for (const [path, { bytes }] of [...folders].toReversed()) {
    const parent = path === '' ? undefined : folders.get(parentOf(path));
    if (parent !== undefined) parent.bytes += bytes;
  }
  return folders.get('')?.bytes ?? 0;
}

/** What to say of a context that is larger than 100 MB; undefined for others. */
export function contextWarning({ files, bytes, largest }: ContextSize): string | undefined {
  if (bytes <= LARGE_CONTEXT_BYTES) return undefined;
  const named = largest.map((each) => `${each.path} (${megabytes(each.bytes)})`).join(', ');
  return `the build context has ${megabytes(bytes)} in ${files} files; the largest are ${named}`;
}

const megabytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1024 / 1024))} MB`;

function sizeOf(path: string): number {
  // Removed meanwhile: then it is not sent.
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function largestOf(folders: ReadonlyMap<string, Folder>): readonly SizedPath[] {
  const children = new Map<string, SizedPath[]>();
  for (const [path, { bytes, largest }] of folders) {
    children.set(path, [...largest]);
    if (path !== '') children.get(parentOf(path))?.push({ path, bytes });
  }
  const filling = (entry: SizedPath): SizedPath => {
    const largest = children.get(entry.path)?.toSorted(bySize)[0];
    return largest !== undefined && largest.bytes >= entry.bytes * SHARE ? filling(largest) : entry;
  };
  const top = (children.get('') ?? []).filter(({ bytes }) => bytes > 0);
  return top.toSorted(bySize).slice(0, NAMED).map(filling);
}
