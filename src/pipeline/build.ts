import { builders } from '../builders/index.ts';
import { asDogwoodError, ERRORS, isUserFault } from '../errors.ts';
import { planDigest } from '../plan/build-plan.ts';
import type { BuildRequest } from '../plan/request.ts';
import type { BuildResult } from '../plan/result.ts';
import { describeBuilt } from './describe.ts';
import { chosenBuilder, detect } from './detect.ts';
import { makeImage } from './make-image.ts';
import { openRequest } from './open-request.ts';
import { asksProject, isOwnTree, ownRegions } from './places/destinations.ts';
import { openPlaces } from './places/open-places.ts';
import { planContext } from './plan.ts';
import { createProgress, type Progress } from './progress.ts';
import { resultError } from './result-error.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { type Session, withSession } from './session/session.ts';

/**
 * One build from request to result. A failure that is the user's comes back as a result with status `failed`, and so
 * does nothing else: infrastructure, credentials and bugs are thrown as DogwoodError.
 */
export async function runBuild(
  request: BuildRequest,
  environment: PipelineEnvironment,
): Promise<BuildResult> {
  const progress = createProgress(environment);
  try {
    const result = await withSession(progress.environment, (session) => build(request, session, progress));
    environment.emit({ type: 'result', result });
    return result;
  } catch (thrown) {
    // An abort surfaces in many forms; the signal knows which it was.
    const error = environment.signal.aborted
      ? asDogwoodError(environment.signal.reason)
      : asDogwoodError(thrown);
    progress.fail();
    if (!isUserFault(error) || ERRORS[error.code].exitCode !== 1) throw error;
    const result = {
      schemaVersion: 1,
      status: 'failed',
      error: resultError(error, progress.current()),
    } as const;
    environment.emit({ type: 'result', result });
    return result;
  }
}

async function build(wanted: BuildRequest, session: Session, progress: Progress): Promise<BuildResult> {
  const { clock, emit, logger } = session.environment;
  const start = clock();
  const [{ source, request, asked }] = await progress.step('source', () =>
    openSourceAndPlaces(wanted, session),
  );
  const context = planContext(session, request);
  const [builder, detectTime] = await progress.step('detect', async () =>
    chosenBuilder(await detect(source, request, builders, context), builders, source),
  );
  const [{ plan, places }] = await progress.step('plan', async () => {
    const plan = await builder.plan(source, request, context);
    return {
      plan,
      places: asked ?? (await openPlaces(request, session, ownRegions(source, plan.project))),
    };
  });
  for (const { message } of plan.project?.problems ?? []) {
    emit({ type: 'warning', code: 'PROJECT_FILE', message });
  }
  logger.debug('planned', { strategy: plan.strategy, planDigest: planDigest(plan) });

  const made = await makeImage({ source, request, builder, plan, context, places }, session, progress);
  return {
    schemaVersion: 1,
    status: 'succeeded',
    strategy: plan.strategy,
    ...(await describeBuilt(made.built, session.environment.signal)),
    references: made.references,
    timings: { detect: detectTime, ...made.timings, total: Math.round(clock() - start) },
    warnings: progress.warnings,
  };
}

/** Places as soon as they are known: a destination that cannot be is found before any work is done. */
async function openSourceAndPlaces(wanted: BuildRequest, session: Session) {
  const before = asksProject(wanted) ? undefined : await openPlaces(wanted, session);
  const { source, request } = await openRequest(wanted, session);
  if (before !== undefined || isOwnTree(source)) return { source, request, asked: before };
  return { source, request, asked: await openPlaces(request, session) };
}
