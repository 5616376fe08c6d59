import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackBuildOptions } from '../../engines/pack/arguments.ts';
import type { Pack } from '../../engines/pack/pack.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import type { Tree } from '../../source/tree.ts';
import type { BuildContext } from '../builder.ts';
import type { Caches } from './caches.ts';
import {
  DESCRIPTOR,
  descriptorWithout,
  readDescriptor,
  SLUG_IGNORE,
  slugIgnorePatterns,
} from './descriptor.ts';
import { needed } from './needed.ts';
import { pinned } from './reference.ts';

/** What pack is asked for, apart from variables and the network. */
export async function packOptions(
  plan: BuildPlan,
  details: BuildpacksPlan,
  tree: Tree,
  caches: Caches,
  pack: Pack,
  context: BuildContext,
): Promise<Omit<PackBuildOptions, 'env' | 'envFile' | 'network'>> {
  const folder = await context.makeFolder();
  const { value: name, digest } = details.builder;
  const builder = pinned(name, digest);
  return {
    path: tree.root,
    builder,
    trustBuilder: details.trustBuilder || (builder !== name && (await isTrusted(pack, name, context.signal))),
    pullPolicy: 'if-not-present',
    runImage: details.runImage?.value,
    buildpacks: details.buildpacks.map(({ value }) => value),
    descriptor: await ownDescriptor(details, tree, folder),
    buildCache: caches.build,
    launchCache: caches.launch,
    previousImage: caches.image,
    clearCache: context.request.rebuild,
    platform: formatPlatform(plan.platform),
    creationTime: plan.epoch,
    reportFolder: folder,
  };
}

/**
 * pack knows whom it trusts by the name as it is written, and would not recognise it with a digest. Its own answer for
 * the name is what counts.
 */
async function isTrusted(pack: Pack, name: string, signal: AbortSignal): Promise<boolean> {
  return (await needed(() => pack.trustedBuilders(signal))).includes(name);
}

/** pack reads project.toml itself, but for what a .slugignore says, and but for one that leads out of the source. */
async function ownDescriptor(
  { ignoreFile }: BuildpacksPlan,
  tree: Tree,
  folder: string,
): Promise<string | undefined> {
  const leadsOut = (await tree.stat(DESCRIPTOR))?.kind === 'link';
  if (ignoreFile !== SLUG_IGNORE && !leadsOut) return undefined;
  const excluded =
    ignoreFile === SLUG_IGNORE ? slugIgnorePatterns((await tree.readText(SLUG_IGNORE)) ?? '') : [];
  const path = join(folder, DESCRIPTOR);
  await writeFile(path, descriptorWithout(excluded, await readDescriptor(tree), tree.root));
  return path;
}
