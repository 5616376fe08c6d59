import type { PlanContext } from '../builders/builder.ts';
import { builders } from '../builders/index.ts';
import type { Digest } from '../oci/digest.ts';
import { type BuildPlan, planDigest } from '../plan/build-plan.ts';
import type { Candidate, Detection } from '../plan/detection.ts';
import type { BuildRequest, Strategy } from '../plan/request.ts';
import { chosenBuilder, detect } from './detect.ts';
import type { PipelineEnvironment } from './environment.ts';
import { imageArchiveMembers, openImageSource } from './image-archive.ts';
import { projectReader } from './project.ts';
import { imageResolver } from './resolve.ts';
import { type Session, withSession } from './session.ts';
import type { OpenedImage } from './transports.ts';

/** `build plan --json` (cli.md). */
export interface PlanDocument {
  readonly schemaVersion: 1;
  readonly strategy: Strategy;
  readonly candidates: readonly Candidate[];
  readonly plan: BuildPlan;
  readonly planDigest: Digest;
}

/** What would be built and why; builds nothing. Throws DogwoodError, also for what is the user's fault. */
export function planBuild(request: BuildRequest, environment: PipelineEnvironment): Promise<PlanDocument> {
  return withSession(environment, async (session) => {
    const source = await session.openSource(request.source);
    const context = planContext(session, request);
    const detection = await detect(source, request, builders, context);
    const plan = await chosenBuilder(detection, builders, source).plan(source, request, context);
    return planDocument(detection, plan);
  });
}

export function planDocument({ candidates }: Detection, plan: BuildPlan): PlanDocument {
  return { schemaVersion: 1, strategy: plan.strategy, candidates, plan, planDigest: planDigest(plan) };
}

/** What builders may use before anything is built. */
export function planContext(session: Session, request: BuildRequest): PlanContext {
  let opened: Promise<OpenedImage> | undefined;
  const { engineVariables, dockerHost, dockerConfig, insecureRegistries, signal } = session.environment;
  return {
    facts: session.facts,
    signal,
    engines: { variables: engineVariables, dockerHost, dockerConfig, insecureRegistries },
    ...projectReader(session, request),
    resolveImage: imageResolver(session),
    imageArchiveMembers,
    // Planning and building ask for the same one source.
    openImage(source) {
      opened ??= openImageSource(source, session);
      return opened;
    },
  };
}
