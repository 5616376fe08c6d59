import { DogwoodError } from '../../errors.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';
import { DOGWOOD_TOML, type Project, type ProjectRegion } from '../../plan/project.ts';
import type { BuildRequest, ConfiguredDestination, Destination, RegionRegistry } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import { isImageSource } from '../../source/open-source.ts';
import type { Source } from '../../source/source.ts';
import { appName } from './app-name.ts';

/** One registry that an image goes to, and who said so. */
export interface RegistryDestination {
  readonly region: string | null;
  /** With its tag. */
  readonly reference: Reference;
  /** `--tag`, `dogwood.toml`, ... */
  readonly from: string;
}

export interface Destinations {
  /** The nearest first. */
  readonly registries: readonly RegistryDestination[];
  /** Regions that the app runs in and that nobody named a registry for. */
  readonly placements: readonly Sourced<string>[];
}

/** Where regions are configured. */
export interface Regions {
  readonly project: readonly Sourced<ProjectRegion>[];
  /** The nearest first. */
  readonly user: readonly RegionRegistry[];
  /** What the image is called below a region's registry. */
  readonly app: string;
}

/** Where the user's config file is meant in a `from`. */
const USER_CONFIG = 'config.toml';

/** A folder of this machine. A source from elsewhere must not choose where our credentials push. */
export function isOwnTree(source: Source): boolean {
  return source.kind === 'tree' && source.origin === undefined;
}

/**
 * The regions of a project that may say where its image goes: those of the dogwood.toml in a folder of this machine;
 * `primary_region` of fly.toml names no registry.
 */
export function ownRegions(source: Source, project: Project | undefined): readonly Sourced<ProjectRegion>[] {
  if (!isOwnTree(source)) return [];
  return (project?.regions ?? []).filter(({ from }) => from === DOGWOOD_TOML);
}

/** Whether what the project says of regions has a part in where its image goes. */
export function asksProject({ destinations, output }: BuildRequest): boolean {
  if (destinations.length === 0) return output === undefined;
  return destinations.some(({ reference }) => reference === undefined);
}

/**
 * The registries of a build: every `-t`; with neither `-t` nor `-o`, the regions of the project that have a registry.
 * None means that the image stays on this machine.
 *
 * @throws REFERENCE_INVALID, USAGE
 */
export function buildDestinations(
  request: BuildRequest,
  project: readonly Sourced<ProjectRegion>[],
): Destinations {
  const regions = { project, user: request.regions, app: appName(request.source) };
  if (request.destinations.length > 0) return askedDestinations('--tag', request.destinations, regions);
  if (request.output !== undefined) return { registries: [], placements: [] };
  return configured(
    project.map(({ value, from }) => ({ value: value.name, from })),
    undefined,
    regions,
  );
}

/**
 * The registries that were asked for in so many words.
 *
 * @param flag for messages: `--tag`, `REF`
 * @throws REFERENCE_INVALID, USAGE
 */
export function askedDestinations(
  flag: string,
  asked: readonly Destination[],
  regions: Regions,
): Destinations {
  const parts = asked.map((destination): Destinations => {
    if (destination.reference === undefined) return configuredFor(flag, destination, regions);
    const reference = pushReference(destination.reference);
    return { registries: [{ region: destination.region ?? null, reference, from: flag }], placements: [] };
  });
  return {
    registries: distinct(parts.flatMap(({ registries }) => registries)),
    placements: parts.flatMap(({ placements }) => placements),
  };
}

/** `REGION=:TAG` and `:TAG`. Whoever writes them wants to push: no registry at all is wrong usage. */
function configuredFor(flag: string, { region, tag }: ConfiguredDestination, regions: Regions): Destinations {
  const all = regions.project.length > 0 ? regions.project.map(({ value }) => value) : regions.user;
  const names = region === undefined ? all.map(({ name }) => name) : [region];
  const found = configured(
    names.map((value) => ({ value, from: flag })),
    tag,
    regions,
  );
  if (found.registries.length > 0) return found;
  const what =
    region === undefined
      ? `${flag} ${JSON.stringify(`:${tag}`)}: no region has a registry`
      : `${flag} ${JSON.stringify(`${region}=:${tag}`)}: no registry is configured for this region`;
  throw new DogwoodError('USAGE', what, {
    hint: 'Name it as REGION=HOST/REPOSITORY, or in [[regions]] of the config file (docs/configuration.md).',
  });
}

function configured(
  names: readonly Sourced<string>[],
  tag: string | undefined,
  regions: Regions,
): Destinations {
  const distance = new Map(regions.user.map(({ name }, index) => [name, index]));
  const nearness = ({ value }: Sourced<string>): number => distance.get(value) ?? distance.size;
  const found = names
    .toSorted((a, b) => nearness(a) - nearness(b))
    .map((name) => ({ name, registry: registryOf(name, tag, regions) }));
  return {
    registries: distinct(found.flatMap(({ registry }) => registry ?? [])),
    placements: found.filter(({ registry }) => registry === undefined).map(({ name }) => name),
  };
}

function registryOf(
  { value: region, from }: Sourced<string>,
  tag: string | undefined,
  { project, user, app }: Regions,
): RegistryDestination | undefined {
  const own = project.find(({ value }) => value.name === region);
  const registry = user.find(({ name }) => name === region)?.registry;
  const repository = own?.value.repository ?? (registry === undefined ? undefined : `${registry}/${app}`);
  if (repository === undefined) return undefined;
  const where = own?.value.repository === undefined ? USER_CONFIG : own.from;
  return {
    region,
    reference: pushReference(tag === undefined ? repository : `${repository}:${tag}`),
    from: where === from ? from : `${from}, ${where}`,
  };
}

/** The same place twice is one; for two regions it would be a mistake that nobody sees. Throws USAGE. */
function distinct(registries: readonly RegistryDestination[]): readonly RegistryDestination[] {
  const seen = new Map<string, RegistryDestination>();
  for (const destination of registries) {
    const key = formatReference(destination.reference);
    const before = seen.get(key);
    if (before !== undefined && before.region !== destination.region) {
      throw new DogwoodError('USAGE', `two regions have the same place, ${key}`, {
        hint: 'Give each region a repository or a tag of its own.',
      });
    }
    if (before === undefined) seen.set(key, destination);
  }
  return [...seen.values()];
}

/** A reference that can be pushed to. Throws REFERENCE_INVALID. */
export function pushReference(written: string): Reference {
  const text = written.replace(/^docker:\/\//, '');
  // As a reference, oci:DIR is the tag DIR of Docker Hub's library/oci: a private image would set out for there.
  if (isImageSource(text) && !/^[a-z-]+:\d+\//.test(text)) {
    throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 160))} is no registry`, {
      hint: 'Only registries are pushed to; `build -o` and `build copy` take the other places.',
    });
  }
  return taggedReference(parseReference(text));
}

/** With the tag `latest` where none is said. Throws REFERENCE_INVALID for a digest. */
export function taggedReference(named: Reference): Reference {
  if (named.digest === undefined) return withDefaultTag(named);
  throw new DogwoodError(
    'REFERENCE_INVALID',
    `${formatReference(named)} names a digest; an image is pushed to a tag`,
  );
}
