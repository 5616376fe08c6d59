import type { Built, PlanContext } from '../builders/builder.ts';
import { builders } from '../builders/index.ts';
import { DogwoodError } from '../errors.ts';
import type { Emit } from '../plan/events.ts';
import type { BuildRequest } from '../plan/request.ts';
import type { ResultReference, ResultWarning } from '../plan/result.ts';
import type { Source } from '../source/source.ts';
import { makeImage } from './make-image.ts';
import { openPlaces } from './places/open-places.ts';
import { planContext } from './plan.ts';
import { createProgress } from './progress.ts';
import type { Session } from './session/session.ts';

export interface BuildOpenedOptions {
  /** Resolves base images; one for all builds of a session asks for each once. */
  readonly resolveImage: PlanContext['resolveImage'];
  /** Told of this build only. */
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface OpenedBuild {
  readonly built: Built;
  readonly references: readonly ResultReference[];
  readonly warnings: readonly ResultWarning[];
}

/**
 * One of many builds that share a session: its connections, tokens, and what it knows of where blobs lie. The source is
 * open already and the request says the strategy, so nothing is detected.
 *
 * @throws what is wrong, also when it is the user's fault
 */
export async function buildOpened(
  source: Source,
  request: BuildRequest,
  shared: Session,
  { resolveImage, emit, signal }: BuildOpenedOptions,
): Promise<OpenedBuild> {
  const progress = createProgress({ ...shared.environment, emit, signal });
  const session: Session = { ...shared, environment: progress.environment };
  const builder = builders.find(({ strategy }) => strategy === request.strategy);
  if (builder === undefined) throw new DogwoodError('INTERNAL', `no builder is called ${request.strategy}`);
  const context = { ...planContext(session, request), resolveImage };
  const places = await openPlaces(request, session);
  const plan = await builder.plan(source, request, context);
  const work = { source, request, builder, plan, context, places };
  const { built, references } = await makeImage(work, session, progress);
  return { built, references, warnings: progress.warnings };
}
