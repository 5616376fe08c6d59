import { DogwoodError } from '../../errors.ts';
import type { TarEntryType, TarLimits, TarPlacement } from './entry.ts';
import { type ParsedPath, showName } from './names.ts';
import { createPathTree, NONE, PATH_KIND, type PathKind, ROOT } from './path-tree.ts';

/**
 * The rules about members among each other: what unpacks to the same tree whichever reader unpacks it, and never
 * through a link (CVE-2021-37712, CVE-2025-48387, CVE-2026-23745 and the like).
 */
export interface MemberRules {
  /**
   * Takes a member in. Throws TAR_DUPLICATE, TAR_LINK_UNSAFE (a symlink on its way), TAR_PATH_UNSAFE (a file on
   * its way, a root that is no directory).
   */
  admit(path: ParsedPath, type: TarEntryType): TarPlacement;
  /** Throws TAR_LINK_UNSAFE unless the target of a hard link is a regular file seen before. */
  checkHardlink(path: ParsedPath, target: ParsedPath): void;
}

export function createMemberRules(limits: TarLimits): MemberRules {
  const tree = createPathTree(limits.maxNameTableBytes);

  const parentOf = (path: ParsedPath): { readonly parent: number; readonly newParents: number } => {
    let node = ROOT;
    let newParents = 0;
    for (let index = 0; index < path.bounds.length - 2; index += 2) {
      const start = path.bounds[index] ?? 0;
      const end = path.bounds[index + 1] ?? 0;
      const next = tree.find(node, path.bytes, start, end);
      if (next === NONE) {
        node = tree.add(node, path.bytes, start, end, PATH_KIND.implied);
        newParents++;
      } else {
        checkAncestor(tree.kind(next), path, end);
        node = next;
      }
    }
    return { parent: node, newParents };
  };

  const admitRoot = (path: ParsedPath, type: TarEntryType): TarPlacement => {
    if (type !== 'directory') {
      throw new DogwoodError('TAR_PATH_UNSAFE', `member ${showName(path.raw)} is the root and no directory`);
    }
    if (tree.kind(ROOT) !== PATH_KIND.implied) throw duplicate(path);
    tree.setKind(ROOT, PATH_KIND.directory);
    return { parentIsMember: false, newParents: 0, followsContent: !tree.isEmpty() };
  };

  return {
    admit(path, type) {
      if (path.bounds.length === 0) return admitRoot(path, type);
      const { parent, newParents } = parentOf(path);
      const start = path.bounds.at(-2) ?? 0;
      const end = path.bounds.at(-1) ?? 0;
      const kind = kindOf(type);
      const node = tree.find(parent, path.bytes, start, end);
      if (node === NONE) {
        tree.add(parent, path.bytes, start, end, kind);
      } else if (tree.kind(node) === PATH_KIND.implied && kind === PATH_KIND.directory) {
        tree.setKind(node, kind);
      } else {
        throw duplicate(path);
      }
      const parentIsMember = tree.kind(parent) === PATH_KIND.directory;
      return { parentIsMember, newParents, followsContent: node !== NONE };
    },
    checkHardlink(path, target) {
      let node = ROOT;
      for (let index = 0; index < target.bounds.length && node !== NONE; index += 2) {
        node = tree.find(node, target.bytes, target.bounds[index] ?? 0, target.bounds[index + 1] ?? 0);
      }
      if (node !== NONE && tree.kind(node) === PATH_KIND.file) return;
      throw new DogwoodError(
        'TAR_LINK_UNSAFE',
        `hard link ${showName(path.raw)} names ${showName(target.raw)}, which is no earlier file of the archive`,
      );
    },
  };
}

function kindOf(type: TarEntryType): PathKind {
  if (type === 'directory') return PATH_KIND.directory;
  return type === 'symlink' ? PATH_KIND.symlink : PATH_KIND.file;
}

function duplicate(path: ParsedPath): DogwoodError {
  return new DogwoodError('TAR_DUPLICATE', `member ${showName(path.raw)} is in the archive already`);
}

function checkAncestor(kind: PathKind, path: ParsedPath, end: number): void {
  if (kind === PATH_KIND.implied || kind === PATH_KIND.directory) return;
  const ancestor = showName(path.bytes.toString('utf8', 0, end));
  if (kind === PATH_KIND.symlink) {
    throw new DogwoodError(
      'TAR_LINK_UNSAFE',
      `member ${showName(path.raw)} goes through the symlink ${ancestor}`,
    );
  }
  throw new DogwoodError('TAR_PATH_UNSAFE', `member ${showName(path.raw)} lies under the file ${ancestor}`);
}
