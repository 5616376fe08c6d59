import { createPathTree, NONE, PATH_KIND, ROOT } from '../tar/path-tree.ts';

/** Exactly which paths came before, in a fraction of the memory that a set of strings takes. */
export interface SeenPaths {
  /** False when the path was there already. Throws LIMIT_EXCEEDED. */
  add(path: string): boolean;
}

const SLASH = 0x2f;

/** @param maxBytes bound on the memory of the names */
export function createSeenPaths(maxBytes: number): SeenPaths {
  const tree = createPathTree(maxBytes);
  return {
    add(path) {
      const bytes = Buffer.from(path);
      let node: number = ROOT;
      for (let start = 0; start < bytes.length; ) {
        const slash = bytes.indexOf(SLASH, start);
        const end = slash === -1 ? bytes.length : slash;
        const next = tree.find(node, bytes, start, end);
        node = next === NONE ? tree.add(node, bytes, start, end, PATH_KIND.implied) : next;
        start = end + 1;
      }
      if (tree.kind(node) !== PATH_KIND.implied) return false;
      tree.setKind(node, PATH_KIND.file);
      return true;
    },
  };
}
