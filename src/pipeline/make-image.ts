import type { Builder, Built, PlanContext } from '../builders/builder.ts';
import { builders } from '../builders/index.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import type { BuildRequest } from '../plan/request.ts';
import type { ResultReference } from '../plan/result.ts';
import type { Source } from '../source/source.ts';
import { deliver } from './delivery/deliver.ts';
import { trackedSink } from './delivery/tracked-sink.ts';
import { alternatives } from './detect.ts';
import { directPlace, type Place } from './places/place.ts';
import { publishTarget } from './places/publish.ts';
import type { Progress } from './progress.ts';
import { secretReader } from './secrets.ts';
import type { Session } from './session/session.ts';

/** Everything that is decided about an image before it is made. */
export interface Work {
  readonly source: Source;
  readonly request: BuildRequest;
  readonly builder: Builder;
  readonly plan: BuildPlan;
  readonly context: PlanContext;
  readonly places: readonly Place[];
}

export interface MadeImage {
  readonly built: Built;
  readonly references: readonly ResultReference[];
  /** Milliseconds. */
  readonly timings: { readonly build: number; readonly push: number };
}

/** Builds, and brings what was built to its places. Throws what the builder and the places throw. */
export async function makeImage(work: Work, session: Session, progress: Progress): Promise<MadeImage> {
  const { source, request, builder, plan, context, places } = work;
  const { emit, logger, insecureRegistries, network } = session.environment;
  const direct = directPlace(places);
  const sink = trackedSink(direct?.target ?? session.store);
  const [built, build] = await progress.step('build', () =>
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
      publish: publishTarget(direct, insecureRegistries, network.hosts),
      emit,
      logger,
    }),
  );
  const [references, push] = await progress.step('push', () => deliver(built, sink, places, session));
  return { built, references, timings: { build, push } };
}
