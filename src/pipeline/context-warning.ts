import type { BuildPlan } from '../plan/build-plan.ts';
import { parseProjectToml } from '../plan/files/project-toml.ts';
import { contextSize, contextWarning } from '../source/ignore/context-size.ts';
import { parseDockerignore } from '../source/ignore/dockerignore.ts';
import { gitignore, onlyIncluded, parseSlugignore } from '../source/ignore/gitignore.ts';
import { type Ignore, NOTHING_IGNORED } from '../source/ignore/ignore.ts';
import type { Tree } from '../source/tree.ts';

/**
 * What to say of a tree that is larger than 100 MB for the engine that it is handed to, after what the plan's ignore
 * file leaves out; undefined for others. Throws PROJECT_FILE_INVALID for an ignore file that cannot be read.
 */
export async function largeContext(
  { details }: BuildPlan,
  tree: Tree,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (details.strategy === 'image' || details.strategy === 'slug') return undefined;
  const file = details.strategy === 'nix' ? null : details.ignoreFile;
  const text = file === null ? undefined : await tree.readText(file);
  const ignore =
    file === null || text === undefined ? NOTHING_IGNORED : readIgnore(details.strategy, file, text);
  return contextWarning(await contextSize(tree, ignore, signal));
}

function readIgnore(strategy: BuildPlan['strategy'], file: string, text: string): Ignore {
  if (strategy === 'dockerfile') return parseDockerignore(text, file);
  if (file.endsWith('.slugignore')) return parseSlugignore(text);
  const { include, exclude } = parseProjectToml(text);
  if (include !== undefined) return onlyIncluded(include);
  return exclude === undefined ? NOTHING_IGNORED : gitignore(exclude, { exceptions: true });
}
