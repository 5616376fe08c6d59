import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TomlTable } from 'smol-toml';
import { DogwoodError } from '../../errors.ts';
import type { Sourced } from '../../plan/sourced.ts';
import type { Tree } from '../../source/tree.ts';
import { buildpackUris, DESCRIPTOR } from './descriptor.ts';

/**
 * Buildpacks that a project names by a path must lie in the project: pack would take them from anywhere on this
 * machine, and they run in the build of whoever wrote the file.
 *
 * Throws USAGE.
 */
export async function refuseForeignBuildpacks(
  buildpacks: readonly Sourced<string>[],
  descriptor: TomlTable | undefined,
  tree: Tree,
): Promise<void> {
  const uris = buildpackUris(descriptor).map((value) => ({ value, from: DESCRIPTOR }));
  for (const { value, from } of [...buildpacks, ...uris]) {
    const path = localPath(value);
    if (path === undefined || (await isInside(path, tree))) continue;
    throw new DogwoodError('USAGE', `${from} names a buildpack outside of the source: ${value}`, {
      hint: 'Keep the buildpack in the project, or name its image or URL.',
    });
  }
}

/** The path that a locator may mean; undefined for URLs and the like. pack takes an id for a path where one is there. */
function localPath(locator: string): string | undefined {
  if (!locator.startsWith('file:'))
    return /^(?:[a-z][a-z0-9+.-]*:|from=)/i.test(locator) ? undefined : locator;
  try {
    return fileURLToPath(locator);
  } catch {
    // A host in it, or no path at all: nothing that lies in the project.
    return '/';
  }
}

async function isInside(path: string, tree: Tree): Promise<boolean> {
  const below = relative(tree.root, isAbsolute(path) ? path : join(tree.root, path));
  if (below.startsWith('..') || isAbsolute(below)) return false;
  const found = await tree.stat(below);
  return found === undefined || found.kind !== 'link';
}
