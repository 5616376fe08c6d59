import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { contextSize, contextWarning } from '../../source/ignore/context-size.ts';
import { gitignore, onlyIncluded, parseSlugignore } from '../../source/ignore/gitignore.ts';
import { type Ignore, NOTHING_IGNORED } from '../../source/ignore/ignore.ts';
import type { Tree } from '../../source/tree.ts';
import type { BuildContext } from '../builder.ts';
import { ignoreRules, readDescriptor, SLUG_IGNORE } from './descriptor.ts';

/** Warns of a source of more than 100 MB: all of it is copied into the build, and from there into the image. */
export async function warnOfSize(
  { ignoreFile }: BuildpacksPlan,
  tree: Tree,
  { emit, signal }: BuildContext,
): Promise<void> {
  const message = contextWarning(await contextSize(tree, await ignoreOf(ignoreFile, tree), signal));
  if (message !== undefined) emit({ type: 'warning', code: 'CONTEXT_LARGE', message });
}

async function ignoreOf(file: string | null, tree: Tree): Promise<Ignore> {
  if (file === null) return NOTHING_IGNORED;
  if (file === SLUG_IGNORE) return parseSlugignore((await tree.readText(SLUG_IGNORE)) ?? '');
  const { include, exclude } = ignoreRules(await readDescriptor(tree));
  if (exclude !== undefined) return gitignore(exclude, { exceptions: true });
  return include === undefined ? NOTHING_IGNORED : onlyIncluded(include);
}
