import { createReadStream } from 'node:fs';
import { nixStore } from '../../../engines/nix/nix.ts';
import { DogwoodError } from '../../../errors.ts';
import { createMemoryTarget } from '../../../oci/stores/memory.ts';
import type { LayerOrigin } from '../../../plan/result.ts';
import { type AddedLayer, assembleImage } from '../../app-image/assemble.ts';
import { accountsOf, readBaseFacts, SCRATCH_FACTS } from '../../app-image/base.ts';
import { putLauncherLayer, putUserLayer } from '../../app-image/launcher.ts';
import { canonicalOwner, namedAccounts } from '../../app-image/user.ts';
import type { BuildContext, Built } from '../../builder.ts';
import { ingest } from '../../ingest.ts';
import { refuseFlags } from '../../refused-flags.ts';
import { imageView, layerOrigins } from '../../written-image.ts';
import { finishImage, type OutputOptions } from '../finish-image.ts';
import { putFolderLayer } from './folder-layer.ts';
import { assembleBare } from './image.ts';

/** An image archive that the command left is the image, as it is. */
export async function takeShellArchive(
  path: string,
  options: OutputOptions,
  context: BuildContext,
): Promise<Built> {
  const { compression } = options;
  refuseFlags(
    context.request,
    ['--nix-shell', '--compression'],
    `${options.what} is an image archive, taken as it is`,
  );
  const stream = createReadStream(path, { highWaterMark: 1024 * 1024 });
  return await finishImage(await ingest(stream, compression, context), options, context);
}

type Added = AddedLayer & { readonly origin: LayerOrigin };

/**
 * A folder that the command left becomes /app over the base. Where the base has a bash, the processes start as those of
 * a slug do; without one, `web` is the image's command and there are no other process types.
 */
export async function takeShellFolder(
  folder: string,
  options: OutputOptions,
  context: BuildContext,
): Promise<Built> {
  const { plan, compression } = options;
  const reference = context.request.base ?? plan.project?.base?.value ?? 'scratch';
  const base = reference === 'scratch' ? undefined : await context.resolveImage(reference, plan.platform);
  const facts = base ? await readBaseFacts(base, context.facts, context.signal) : SCRATCH_FACTS;
  if (facts.app === 'other') {
    throw new DogwoodError('BASE_UNUSABLE', `/app of the base ${reference} is a link or a file`);
  }
  const accounts = accountsOf(facts);
  const owner = canonicalOwner(accounts);
  const processes = processesOf(options, context);
  const small = createMemoryTarget('small layers');
  const added: Added[] = [];
  const named = facts.bash && accounts ? namedAccounts(accounts, owner) : undefined;
  if (named) {
    const layer = await putUserLayer(named, small, context.signal);
    added.push({ ...layer, createdBy: `dogwood: a name for ${owner.uid}:${owner.gid}`, origin: 'user' });
  }
  if (facts.bash) {
    const launcher = await putLauncherLayer(processes, small, context.signal);
    added.push({ ...launcher, createdBy: 'dogwood: launcher', origin: 'launcher' });
  }
  const layer = await putFolderLayer(
    folder,
    { owner, epoch: plan.epoch, compression, store: nixStore(context.engines.variables).logical },
    context,
  );
  if (layer.reference !== undefined) warnAboutStore(layer.reference, context);
  added.push({ ...layer, createdBy: `dogwood: ${options.what}`, origin: 'nix-shell' });
  const parts = {
    base: base?.image,
    baseName: base?.name,
    added,
    platform: plan.platform,
    owner,
    processes,
    env: context.request.env,
    labels: plan.labels,
    epoch: plan.epoch,
  };
  const descriptor = facts.bash
    ? await assembleImage(parts, small, context.signal)
    : await assembleBare(parts, small, context.signal);
  if (!facts.bash) warnWithoutShell(Object.keys(processes), context);
  return {
    descriptor,
    from: imageView(layer.descriptor.digest, context.sink, base, small),
    origins: layerOrigins(base, added),
    processes: facts.bash ? processes : {},
  };
}

function processesOf({ plan }: OutputOptions, context: BuildContext): Record<string, string> {
  const project = Object.entries(plan.project?.processes ?? {}).map(([name, { value }]) => [name, value]);
  return { ...Object.fromEntries(project), ...context.request.processes };
}

function warnAboutStore(reference: string, context: BuildContext): void {
  context.emit({
    type: 'warning',
    code: 'NIX_STORE_REFERENCE',
    message: `what the command left speaks of ${reference}, which is not in the image: build static programs, or use dockerTools`,
  });
}

function warnWithoutShell(names: readonly string[], context: BuildContext): void {
  const others = names.filter((name) => name !== 'web');
  if (names.length > 0 && others.length === 0) return;
  context.emit({
    type: 'warning',
    code: names.length === 0 ? 'NO_PROCESS' : 'BASE_WITHOUT_SHELL',
    message:
      names.length === 0
        ? 'no process type is known; name one in dogwood.toml, a Procfile or with --process web=COMMAND'
        : `the base has no /bin/bash, so the image starts web and nothing else: ${others.join(', ')} is left out`,
  });
}
