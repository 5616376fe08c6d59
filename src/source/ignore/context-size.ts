import { lstatSync } from 'node:fs';
import { join } from 'node:path';
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

/**
 * Adds up what of a tree is not left out, by the sizes that files say they have; links are not followed.
 * Throws SOURCE_UNREADABLE.
 */
export async function contextSize(tree: Tree, ignore: Ignore, signal?: AbortSignal): Promise<ContextSize> {
  const states = new Map<string, IgnoreState>();
  const sums = new Map<string, number>();
  let [files, bytes] = [0, 0];
  await tree.walk(
    ({ path, kind }) => {
      const slash = path.lastIndexOf('/');
      const state = ignore.step(path, kind === 'folder', states.get(path.slice(0, Math.max(slash, 0))));
      if (kind === 'folder') {
        if (!state.prune) states.set(path, state);
        return !state.prune;
      }
      if (state.ignored || kind !== 'file') return false;
      const size = sizeOf(join(tree.root, path));
      files += 1;
      bytes += size;
      addTo(sums, path, size);
      return false;
    },
    { maxEntries: Number.MAX_SAFE_INTEGER, signal },
  );
  return { files, bytes, largest: largestOf(sums) };
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

/** To the file and to every folder that it lies in. */
function addTo(sums: Map<string, number>, path: string, size: number): void {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const part = path.slice(0, end);
    sums.set(part, (sums.get(part) ?? 0) + size);
  }
}

function largestOf(sums: ReadonlyMap<string, number>): readonly SizedPath[] {
  const children = new Map<string, SizedPath[]>();
  for (const [path, bytes] of sums) {
    const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    const list = children.get(folder);
    if (list === undefined) children.set(folder, [{ path, bytes }]);
    else list.push({ path, bytes });
  }
  const bySize = (a: SizedPath, b: SizedPath): number => b.bytes - a.bytes || (a.path < b.path ? -1 : 1);
  const filling = (entry: SizedPath): SizedPath => {
    const largest = children.get(entry.path)?.toSorted(bySize)[0];
    return largest !== undefined && largest.bytes >= entry.bytes * SHARE ? filling(largest) : entry;
  };
  return (children.get('') ?? []).toSorted(bySize).slice(0, NAMED).map(filling);
}
