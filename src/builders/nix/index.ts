import { findNix } from '../../engines/nix/nix.ts';
import { DogwoodError } from '../../errors.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildContext, Builder, Built } from '../builder.ts';
import { detectNix } from './detect.ts';
import { buildNixImage } from './image/build.ts';
import { nixPermissions } from './permissions.ts';
import { planNix } from './plan.ts';
import { buildInShell } from './shell/build.ts';

/** Images that Nix builds (dockerTools), and builds that run in a project's nix-shell. */
export const nixBuilder: Builder = {
  strategy: 'nix',
  detect: detectNix,
  plan: planNix,
  build: buildNix,
};

async function buildNix(plan: BuildPlan, context: BuildContext): Promise<Built> {
  if (plan.details.strategy !== 'nix')
    throw new Error('the Nix builder was given a plan of another strategy');
  const { build, compression, allowed } = plan.details;
  const tree = await context.openTree(context.source);
  if (tree === undefined) throw new Error('the Nix builder was given a source without a tree');
  await requireNix(context);
  const permissions = nixPermissions(allowed);
  if (build.kind === 'image')
    return await buildNixImage(plan, build, permissions, compression, tree, context);
  return await buildInShell(plan, build, permissions, compression, tree, context);
}

/** Throws ENGINE_MISSING, saying what to install and what would work without it. */
async function requireNix(context: BuildContext): Promise<void> {
  if ((await findNix(context.engines.variables, context.signal)) !== undefined) return;
  const others = (await context.alternatives()).map((strategy) => `--strategy ${strategy}`);
  const instead = others.length === 0 ? '' : ` Without it ${others.join(' or ')} may build this project.`;
  throw new DogwoodError('ENGINE_MISSING', 'nix 2.4 or later was not found on the PATH', {
    hint: `Install Nix (https://nixos.org/download, or the package nix-bin of Debian).${instead}`,
  });
}
