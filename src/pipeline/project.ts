import type { PlanContext } from '../builders/builder.ts';
import { EMPTY_PROJECT, type Project } from '../plan/project.ts';
import type { Source } from '../source/source.ts';
import type { Tree } from '../source/tree.ts';

/** Opens the source's tree and reads the project's own files, each once a run. */
export function projectReader(): Pick<PlanContext, 'openTree' | 'readProject'> {
  let tree: Promise<Tree | undefined> | undefined;
  let project: Promise<Project> | undefined;
  const openTree = (source: Source): Promise<Tree | undefined> => {
    tree ??= treeOf(source);
    return tree;
  };
  return {
    openTree,
    readProject(source) {
      project ??= openTree(source).then((found) => (found ? readProject(found) : EMPTY_PROJECT));
      return project;
    },
  };
}

async function treeOf(source: Source): Promise<Tree | undefined> {
  return source.kind === 'tree' ? source.tree : undefined;
}

async function readProject(_tree: Tree): Promise<Project> {
  return EMPTY_PROJECT;
}
