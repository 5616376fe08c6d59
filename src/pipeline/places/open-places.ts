import { DogwoodError } from '../../errors.ts';
import type { ProjectRegion } from '../../plan/project.ts';
import type { BuildRequest, Quorum } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import type { Session } from '../session/session.ts';
import { appName } from './app-name.ts';
import { buildDestinations, type RegistryDestination, taggedReference } from './destinations.ts';
import { type ImageName, parseImageName } from './image-name.ts';
import type { Place, RegistryPlace } from './place.ts';
import { openWritable } from './writable.ts';

/**
 * Where a build's image goes: every `-t`, the `-o`; with neither, the regions that the project names a registry for, or
 * else the local store under the source's name.
 *
 * @throws REFERENCE_INVALID, TRANSPORT_UNKNOWN, USAGE, and what opening a layout throws
 */
export async function openPlaces(
  request: BuildRequest,
  session: Session,
  project: readonly Sourced<ProjectRegion>[] = [],
): Promise<readonly Place[]> {
  const { registries, placements } = buildDestinations(request, project);
  requireQuorum(request.quorum, registries);
  const places: Place[] = registries.map((destination) => registryPlace(destination, session));
  for (const { value } of places.length > 0 ? placements : []) {
    const message = `region ${value} has no registry here: nothing is pushed there`;
    session.environment.emit({ type: 'note', step: 'plan', message });
  }
  if (request.output !== undefined)
    places.push(await openPlace(parseImageName(request.output, 'registry'), session));
  if (places.length > 0) return places;
  return [{ kind: 'store', target: await session.openStore(), tag: localName(request.source) }];
}

/** What an image is called in the local store that goes nowhere else. */
export function localName(source: string): string {
  return `${appName(source)}:latest`;
}

/** Throws USAGE when more registries are to have the image than there are. */
export function requireQuorum(quorum: Quorum | undefined, registries: readonly RegistryDestination[]): void {
  if (typeof quorum !== 'number' || quorum <= registries.length) return;
  throw new DogwoodError(
    'USAGE',
    `--quorum ${quorum}: the image goes to ${registries.length === 1 ? 'one registry' : `${registries.length} registries`}`,
  );
}

export function registryPlace(
  { region, reference }: Pick<RegistryDestination, 'region' | 'reference'>,
  session: Session,
): RegistryPlace {
  return {
    kind: 'registry',
    region,
    reference,
    target: session.registry(reference, 'push'),
    tag: reference.tag ?? 'latest',
  };
}

/** One place by its name with transport. */
export async function openPlace(name: ImageName, session: Session): Promise<Place> {
  if (name.transport !== 'registry') return openWritable(name, session);
  return registryPlace({ region: null, reference: taggedReference(name.reference) }, session);
}
