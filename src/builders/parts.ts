import type { Tree } from '../source/tree.ts';

/** Entries of the two levels below the root that are looked at, and how many of what is found is named. */
const MAX_ENTRIES = 5_000;
const SHOWN = 5;
const SOURCES_OF_OTHERS = new Set(['node_modules', 'vendor', '.git']);

/**
 * Files in the two levels below the root, by their names: in a mono-repo they say which part may have been meant. The
 * first few, sorted.
 */
export async function filesOfParts(tree: Tree, isWanted: (name: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  await tree.walk(
    ({ path, kind }) => {
      const segments = path.split('/');
      const name = segments.at(-1) ?? '';
      if (kind === 'file' && isWanted(name)) found.push(path);
      return segments.length <= 2 && !SOURCES_OF_OTHERS.has(name);
    },
    { maxEntries: MAX_ENTRIES },
  );
  return found.sort().slice(0, SHOWN);
}
