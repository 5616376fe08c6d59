import { DogwoodError } from '../errors.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../oci/reference.ts';
import type { BuildRequest, Destination } from '../plan/request.ts';
import { isImageSource } from '../source/open-source.ts';
import { type ImageName, parseImageName } from './image-name.ts';
import type { Place, RegistryPlace } from './place.ts';
import type { Session } from './session.ts';
import { openWritable } from './writable.ts';

/**
 * Where a build's image goes: every `-t`, the `-o`; with neither, the local store under the source's name.
 * Throws REFERENCE_INVALID, TRANSPORT_UNKNOWN, and what opening a layout throws.
 */
export async function openPlaces(request: BuildRequest, session: Session): Promise<readonly Place[]> {
  const places: Place[] = request.destinations.map((destination) => registryPlace(destination, session));
  if (request.output !== undefined)
    places.push(await openPlace(parseImageName(request.output, 'registry'), session));
  if (places.length > 0) return places;
  return [{ kind: 'store', target: await session.openStore(), tag: `${localName(request.source)}:latest` }];
}

/** Throws REFERENCE_INVALID. */
export function registryPlace(destination: Destination, session: Session): RegistryPlace {
  const text = destination.reference.replace(/^docker:\/\//, '');
  // As a reference, oci:DIR is the tag DIR of Docker Hub's library/oci: a private image would set out for there.
  if (isImageSource(text) && !/^[a-z-]+:\d+\//.test(text)) {
    throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 160))} is no registry`, {
      hint: 'Only registries are pushed to; `build -o` and `build copy` take the other places.',
    });
  }
  return placeIn(parseReference(text), destination.region ?? null, session);
}

function placeIn(named: Reference, region: string | null, session: Session): RegistryPlace {
  if (named.digest !== undefined) {
    throw new DogwoodError(
      'REFERENCE_INVALID',
      `${formatReference(named)} names a digest; an image is pushed to a tag`,
    );
  }
  const reference = withDefaultTag(named);
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
  if (name.transport === 'registry') return placeIn(name.reference, null, session);
  return openWritable(name, session);
}

/** `app.tgz` is `app`, and so are `oci:app:v1` and standard input. */
function localName(source: string): string {
  const file =
    nameOf(source)
      .split('/')
      .findLast((part) => part !== '' && part !== '.') ?? '';
  const name = file
    .toLowerCase()
    .replace(/\.(?:tar|tgz|tar\.gz|tar\.zst|slug)$/, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '');
  return name === '' ? 'app' : name;
}

/** The part of a source that is a name: no transport, tag, digest or query. */
function nameOf(source: string): string {
  if (!isImageSource(source)) return source.replace(/^https?:\/\/[^/]*/, '').replace(/[?#].*$/, '');
  const image = parseImageName(source, 'registry');
  if (image.transport === 'registry') return image.reference.repository;
  return 'path' in image ? image.path : image.name.replace(/(?::[^/]*|@.*)$/, '');
}
