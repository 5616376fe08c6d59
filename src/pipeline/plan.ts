import type { PlanContext } from '../builders/builder.ts';
import { builders } from '../builders/index.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference } from '../oci/reference.ts';
import { type BuildPlan, planDigest } from '../plan/build-plan.ts';
import type { Candidate, Detection } from '../plan/detection.ts';
import type { BuildRequest, Strategy } from '../plan/request.ts';
import type { Source } from '../source/source.ts';
import { chosenBuilder, detect } from './detect.ts';
import { imageArchiveMembers, openImageSource } from './image-archive.ts';
import { onceEach } from './once.ts';
import { openRequest } from './open-request.ts';
import { asksProject, buildDestinations, ownRegions } from './places/destinations.ts';
import { parseImageName } from './places/image-name.ts';
import type { OpenedImage } from './places/open-image.ts';
import { localName, requireQuorum } from './places/open-places.ts';
import { projectReader } from './project.ts';
import { imageResolver } from './resolve.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { type Session, withSession } from './session/session.ts';

/** `build plan --json` (cli.md). */
export interface PlanDocument {
  readonly schemaVersion: 1;
  readonly strategy: Strategy;
  readonly candidates: readonly Candidate[];
  readonly plan: BuildPlan;
  readonly planDigest: Digest;
  /** Where the image goes, the nearest registry first. No part of the plan: the image is the same everywhere. */
  readonly destinations: readonly PlannedDestination[];
}

export interface PlannedDestination {
  readonly region: string | null;
  /** HOST/REPOSITORY:TAG, or a place with its transport; null for a region that no registry is known for. */
  readonly reference: string | null;
  /** `--tag`, `dogwood.toml, config.toml`, `default`, ... */
  readonly from: string;
}

/** What would be built and why; builds nothing. Throws DogwoodError, also for what is the user's fault. */
export function planBuild(asked: BuildRequest, environment: PipelineEnvironment): Promise<PlanDocument> {
  return withSession(environment, async (session) => {
    const { source, request } = await openRequest(asked, session);
    const context = planContext(session, request);
    const detection = await detect(source, request, builders, context);
    const plan = await chosenBuilder(detection, builders, source).plan(source, request, context);
    return planDocument(detection, plan, plannedDestinations(request, source, plan));
  });
}

export function planDocument(
  { candidates }: Detection,
  plan: BuildPlan,
  destinations: readonly PlannedDestination[],
): PlanDocument {
  const { strategy } = plan;
  return { schemaVersion: 1, strategy, candidates, plan, planDigest: planDigest(plan), destinations };
}

/** Where a build would put its image. Throws as `openPlaces` does for what is no place. */
export function plannedDestinations(
  request: BuildRequest,
  source: Source,
  plan: BuildPlan,
): readonly PlannedDestination[] {
  const regions = asksProject(request) ? ownRegions(source, plan.project) : [];
  const { registries, placements } = buildDestinations(request, regions);
  requireQuorum(request.quorum, registries);
  const planned = registries.map(({ region, reference, from }) => ({
    region,
    reference: formatReference(reference),
    from,
  }));
  const without = placements.map(({ value, from }) => ({ region: value, reference: null, from }));
  if (request.output !== undefined) {
    parseImageName(request.output, 'registry');
    return [...planned, ...without, { region: null, reference: request.output, from: '--output' }];
  }
  if (planned.length > 0) return [...planned, ...without];
  const local = `local:${localName(request.source)}`;
  return [{ region: null, reference: local, from: 'default' }, ...without];
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
    once: onceEach(),
    // Planning and building ask for the same one source.
    openImage(source) {
      opened ??= openImageSource(source, session);
      return opened;
    },
  };
}
