import { DogwoodError } from '../../errors.ts';
import { createMemoryTarget } from '../../oci/stores/memory.ts';
import type { BuildPlan, SlugPlan } from '../../plan/build-plan.ts';
import { parseProcfile } from '../../plan/procfile.ts';
import type { LayerOrigin, SlugOutcome } from '../../plan/result.ts';
import type { ArchiveSource, Source } from '../../source/source.ts';
import { type AddedLayer, assembleImage } from '../app-image/assemble.ts';
import { accountsOf, type BaseFacts, readBaseFacts, SCRATCH_FACTS } from '../app-image/base.ts';
import { putLauncherLayer, putUserLayer } from '../app-image/launcher.ts';
import { canonicalOwner, namedAccounts } from '../app-image/user.ts';
import type { BuildContext, Builder, Built } from '../builder.ts';
import { imageView, layerOrigins } from '../written-image.ts';
import { detectSlug } from './detect.ts';
import { putSlugLayer, type SlugLayer } from './layer.ts';
import { limitsWith } from './limits.ts';
import type { SlugReading } from './passes.ts';
import { checkProcess, planSlug } from './plan.ts';
import { findStack } from './stacks.ts';

/** Heroku slugs, without a rebuild. */
export const slugBuilder: Builder = {
  strategy: 'slug',
  detect: (source, request, context) =>
    detectSlug(source, request, readingOf(source.name, request.limits), context),
  plan: async (source, request, context) => {
    archiveOf(source);
    return planSlug(request, context);
  },
  build: buildSlug,
};

function readingOf(name: string, limits: Readonly<Record<string, number>>): SlugReading {
  return { name, limits: limitsWith(limits) };
}

async function buildSlug(plan: BuildPlan, context: BuildContext): Promise<Built> {
  if (plan.details.strategy !== 'slug')
    throw new Error('the slug builder was given a plan of another strategy');
  const details = plan.details;
  warnAboutBase(details, context);
  const base =
    details.base.reference === 'scratch'
      ? undefined
      : await context.resolveImage(details.base.reference, plan.platform);
  const facts = base ? await readBaseFacts(base, context.facts, context.signal) : SCRATCH_FACTS;
  checkBase(details, facts, context);

  const slug = await putSlug(details, facts, context);
  const processes = chooseProcesses(details, slug, context);
  const small = createMemoryTarget('small layers');
  const added: Added[] = [];
  const known = accountsOf(facts);
  const accounts = known && namedAccounts(known, slug.owner);
  if (accounts) {
    const layer = await putUserLayer(accounts, small, context.signal);
    added.push({
      ...layer,
      createdBy: `dogwood: a name for ${slug.owner.uid}:${slug.owner.gid}`,
      origin: 'user',
    });
  }
  const launcher = await putLauncherLayer(processes, small, context.signal);
  added.push({ ...launcher, createdBy: 'dogwood: launcher', origin: 'launcher' });
  added.push({
    ...slug,
    createdBy: slug.kept ? 'dogwood: slug, byte for byte' : 'dogwood: slug, transcoded',
    origin: 'slug',
  });

  const descriptor = await assembleImage(
    {
      base: base?.image,
      baseName: base?.name,
      added,
      platform: plan.platform,
      owner: slug.owner,
      processes,
      env: context.request.env,
      labels: plan.labels,
      epoch: plan.epoch,
    },
    small,
    context.signal,
  );
  const outcome: SlugOutcome = { layer: slug.kept ? 'kept' : 'transcoded', reason: slug.change };
  return {
    descriptor,
    from: imageView(slug.descriptor.digest, context.sink, base, small),
    origins: layerOrigins(base, added),
    processes,
    slug: outcome,
  };
}

type Added = AddedLayer & { readonly origin: LayerOrigin };

function warnAboutBase(details: SlugPlan, context: BuildContext): void {
  const endOfLife = details.stack ? findStack(details.stack.value)?.endOfLife : undefined;
  if (endOfLife === undefined) return;
  context.emit({
    type: 'warning',
    code: 'STACK_END_OF_LIFE',
    message: `${details.stack?.value} gets no more security patches since ${endOfLife}`,
  });
}

/** Throws BASE_UNUSABLE when /app of the base is a link or a file: the slug would land somewhere else (heroku:22-cnb). */
function checkBase(details: SlugPlan, facts: BaseFacts, context: BuildContext): void {
  if (facts.app === 'other') {
    throw new DogwoodError('BASE_UNUSABLE', `/app of the base ${details.base.reference} is a link or a file`);
  }
  if (accountsOf(facts) === undefined) {
    context.emit({
      type: 'warning',
      code: 'BASE_ACCOUNTS_UNREADABLE',
      message: `/etc/passwd or /etc/group of the base ${details.base.reference} is no file: the app's user gets no name`,
    });
  }
  if (facts.bash) return;
  context.emit({
    type: 'warning',
    code: 'BASE_WITHOUT_SHELL',
    message: `the base ${details.base.reference} has no /bin/bash: nothing in this image can start a process`,
  });
}

/** Throws SLUG_UNRECOGNISED for what is no file. */
function archiveOf(source: Source): ArchiveSource {
  if (source.kind === 'archive') return source;
  throw new DogwoodError('SLUG_UNRECOGNISED', `${source.name} is no slug: a slug is one file`);
}

async function putSlug(details: SlugPlan, facts: BaseFacts, context: BuildContext): Promise<SlugLayer> {
  const slug = await putSlugLayer(
    archiveOf(context.source),
    {
      mode: details.layer,
      compression: details.compression,
      reading: readingOf(context.source.name, details.limits),
      canonicalOwner: canonicalOwner(accountsOf(facts)),
      rebuild: context.request.rebuild,
    },
    context,
  );
  context.emit({
    type: 'note',
    step: 'build',
    message: slug.kept
      ? `the slug's bytes are the layer ${slug.descriptor.digest}`
      : `the slug was transcoded: ${slug.change ?? 'asked for'}`,
  });
  return slug;
}

/** Flags and metadata say which processes there are; the slug's own Procfile counts where they are silent. */
function chooseProcesses(details: SlugPlan, slug: SlugLayer, context: BuildContext): Record<string, string> {
  const given = Object.entries(details.processes);
  const chosen = new Map(given.map(([name, { value }]) => [name, value]));
  const onlyFlags = given.every(([, { from }]) => from === '--process');
  if (onlyFlags && slug.procfile !== null) {
    const procfile = parseProcfile(slug.procfile);
    for (const message of procfile.warnings) context.emit({ type: 'warning', code: 'PROCFILE', message });
    for (const [name, command] of Object.entries(procfile.processes)) {
      checkProcess(name, command);
      if (!chosen.has(name)) chosen.set(name, command);
    }
  }
  if (chosen.size === 0) {
    context.emit({
      type: 'warning',
      code: 'NO_PROCESS',
      message: 'no process type is known; name one with --process web=COMMAND',
    });
  }
  return Object.fromEntries(chosen);
}
