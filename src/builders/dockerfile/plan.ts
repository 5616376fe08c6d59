import { DogwoodError } from '../../errors.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { StageBase } from '../../plan/dockerfile-plan.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Source } from '../../source/source.ts';
import type { PlanContext, ResolvedImage } from '../builder.ts';
import { refuseFlags } from '../refused-flags.ts';
import type { Expanded } from './expand.ts';
import { SYNTAX_ARGUMENT } from './frontend.ts';
import { type OpenedDockerfile, openDockerfile } from './read.ts';
import { readSettings, withSettings } from './settings.ts';
import { outsideImages } from './stages.ts';

/** Milliseconds that a base image's registry has to say its digest. A plan is no reason to wait for long. */
const RESOLVE_MS = 5_000;

const TAKEN = [
  '--process',
  '--label',
  '--file',
  '--target',
  '--build-arg',
  '--build-context',
  '--secret',
  '--ssh',
  '--engine',
  '--cache-from',
  '--cache-to',
  '--compression',
] as const;

/** What will be built of a Dockerfile, with its bases pinned where they can be reached. Throws user faults only. */
export async function planDockerfile(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<BuildPlan> {
  refuseFlags(request, TAKEN, 'a Dockerfile says what its image is');
  const opened = await openDockerfile(source, request, context);
  const settings = readSettings(opened.dockerfile, opened.stage, request.buildArgs, opened.file.value);
  return {
    schemaVersion: 1,
    strategy: 'dockerfile',
    platform: request.platform,
    labels: request.labels,
    epoch: request.epoch,
    details: {
      strategy: 'dockerfile',
      file: opened.file,
      target: opened.target,
      engine: { value: request.engine, from: request.engine === 'auto' ? 'default' : '--engine' },
      frontend: opened.frontend,
      buildArgs: Object.keys(request.buildArgs)
        .filter((name) => name !== SYNTAX_ARGUMENT)
        .sort(),
      secrets: request.secrets,
      bases: await planBases(opened, request, context),
      user: settings.user ?? null,
      stopSignal: settings.stopSignal ?? null,
      ignoreFile: opened.ignoreFile,
    },
    project: withSettings(opened.project, settings),
  };
}

async function planBases(
  { dockerfile, stage }: OpenedDockerfile,
  request: BuildRequest,
  context: PlanContext,
): Promise<readonly StageBase[]> {
  const images = outsideImages(dockerfile, stage);
  const unused = Object.keys(request.contexts).find((name) => !images.some(({ text }) => text === name));
  if (unused !== undefined) {
    throw new DogwoodError(
      'USAGE',
      `--build-context ${unused.slice(0, 80)}: the Dockerfile takes nothing from an image of that name`,
      { hint: `It takes from ${images.map(({ text }) => text).join(', ') || 'none'}.` },
    );
  }
  return Promise.all(images.map((image) => planBase(image, request, context)));
}

async function planBase(image: Expanded, request: BuildRequest, context: PlanContext): Promise<StageBase> {
  const reference = image.text;
  const from = request.contexts[reference] ?? null;
  if (from !== null) {
    const { digest } = (await context.resolveImage(from, request.platform)).image.descriptor;
    return { reference, digest, from };
  }
  const found = image.partial ? undefined : await reachable(reference, request, context);
  return { reference, digest: found?.image.descriptor.digest ?? null, from };
}

/** The image of a registry, when it says so soon; an engine may know another way to it. */
export async function reachable(
  reference: string,
  request: Pick<BuildRequest, 'platform'>,
  context: PlanContext,
): Promise<ResolvedImage | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), RESOLVE_MS);
  });
  const resolved = context.resolveImage(reference, request.platform).catch((error: unknown) => {
    context.signal.throwIfAborted();
    if (error instanceof DogwoodError) return undefined;
    throw error;
  });
  try {
    return await Promise.race([resolved, late]);
  } finally {
    clearTimeout(timer);
    resolved.catch(() => {});
  }
}
