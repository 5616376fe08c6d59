import { builders } from '../builders/index.ts';
import { asDogwoodError, ERRORS, isUserFault } from '../errors.ts';
import { planDigest } from '../plan/build-plan.ts';
import type { Step } from '../plan/events.ts';
import type { BuildRequest } from '../plan/request.ts';
import type { BuildResult, ResultWarning } from '../plan/result.ts';
import { deliver } from './delivery/deliver.ts';
import { trackedSink } from './delivery/tracked-sink.ts';
import { describeBuilt } from './describe.ts';
import { alternatives, chosenBuilder, detect } from './detect.ts';
import { asksProject, isOwnTree, ownRegions } from './places/destinations.ts';
import { openPlaces } from './places/open-places.ts';
import { directPlace } from './places/place.ts';
import { publishTarget } from './places/publish.ts';
import { planContext } from './plan.ts';
import { resultError } from './result-error.ts';
import { secretReader } from './secrets.ts';
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

interface Progress {
  readonly environment: PipelineEnvironment;
  readonly warnings: readonly ResultWarning[];
  /** Runs a step; gives its result and milliseconds. */
  step<T>(step: Step, run: () => Promise<T>): Promise<readonly [T, number]>;
  current(): Step | null;
  fail(): void;
}

function createProgress(environment: PipelineEnvironment): Progress {
  const warnings: ResultWarning[] = [];
  let current: Step | null = null;
  const emit: PipelineEnvironment['emit'] = (event) => {
    if (event.type === 'warning') warnings.push({ code: event.code, message: event.message });
    environment.emit(event);
  };
  return {
    environment: { ...environment, emit },
    warnings,
    async step(step, run) {
      current = step;
      const start = environment.clock();
      emit({ type: 'step', step, state: 'started' });
      const result = await run();
      emit({ type: 'step', step, state: 'finished' });
      return [result, Math.round(environment.clock() - start)];
    },
    current: () => current,
    fail() {
      if (current !== null) emit({ type: 'step', step: current, state: 'failed' });
    },
  };
}

async function build(request: BuildRequest, session: Session, progress: Progress): Promise<BuildResult> {
  const { clock, emit, logger } = session.environment;
  const start = clock();
  const [{ source, asked }] = await progress.step('source', () => openSourceAndPlaces(request, session));
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

  const direct = directPlace(places);
  const sink = trackedSink(direct?.target ?? session.store);
  const [built, buildTime] = await progress.step('build', () =>
    builder.build(plan, {
      ...context,
      source,
      request,
      temp: session.temp,
      makeFolder: session.makeFolder,
      hold: session.hold,
      alternatives: () => alternatives(plan.strategy, source, request, builders, context),
      readSecret: secretReader(session.environment),
      sink: sink.target,
      publish: publishTarget(
        direct,
        session.environment.insecureRegistries,
        session.environment.network.hosts,
      ),
      emit,
      logger,
    }),
  );
  const [references, pushTime] = await progress.step('push', () => deliver(built, sink, places, session));
  return {
    schemaVersion: 1,
    status: 'succeeded',
    strategy: plan.strategy,
    ...(await describeBuilt(built, session.environment.signal)),
    references,
    timings: { detect: detectTime, build: buildTime, push: pushTime, total: Math.round(clock() - start) },
    warnings: progress.warnings,
  };
}

/** Places as soon as they are known: a destination that cannot be is found before any work is done. */
async function openSourceAndPlaces(request: BuildRequest, session: Session) {
  const before = asksProject(request) ? undefined : await openPlaces(request, session);
  const source = await session.openSource(request.source);
  if (before !== undefined || isOwnTree(source)) return { source, asked: before };
  return { source, asked: await openPlaces(request, session) };
}
