import { DogwoodError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { isDigest } from './digest.ts';
import type { ImageIndexDocument } from './documents.ts';
import type { Target } from './target.ts';

/** One image of a store or archive, and a name it has there. */
export interface ListedImage {
  readonly descriptor: Descriptor;
  readonly name?: string | undefined;
}

/** A target that knows all its images. */
export interface ListingTarget extends Target {
  list(signal?: AbortSignal): Promise<readonly ListedImage[]>;
}

/** image-spec annotations.md; in the index.json of a layout it holds the tag. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** The full name, where containerd or Docker wrote the layout and shortened `ref.name` to the tag. */
export const CONTAINERD_NAME = 'io.containerd.image.name';

/**
 * The image a name or digest means; without one, the only image that is there.
 *
 * @throws IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS with the names there are
 */
export async function findImage(
  target: ListingTarget,
  reference?: string,
  signal?: AbortSignal,
): Promise<Descriptor> {
  if (reference !== undefined) {
    const found = await target.resolve(reference, signal);
    if (found !== undefined) return found;
  }
  const images = await target.list(signal);
  const byDigest = new Map(images.map((image) => [image.descriptor.digest, image.descriptor]));
  const [only] = byDigest.values();
  if (reference === undefined && only !== undefined && byDigest.size === 1) return only;
  const there = images.map((image) => image.name ?? image.descriptor.digest).slice(0, 20);
  const listed = there.length === 0 ? 'it holds no image' : `it holds ${there.join(', ')}`;
  if (reference !== undefined) {
    throw new DogwoodError(
      'IMAGE_NOT_FOUND',
      `${target.name} has no ${JSON.stringify(reference)}; ${listed}`,
    );
  }
  if (only === undefined) throw new DogwoodError('IMAGE_NOT_FOUND', `${target.name}: ${listed}`);
  throw new DogwoodError('IMAGE_AMBIGUOUS', `${target.name} has several images; ${listed}`);
}

/** The images of an index.json, in its order. */
export function listIndex(index: ImageIndexDocument): ListedImage[] {
  return index.manifests.map((entry) => ({
    descriptor: indexEntry(entry),
    name: entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME],
  }));
}

/**
 * The entry of an index.json that a tag, full name or digest means.
 *
 * @throws IMAGE_AMBIGUOUS when several images have that name
 */
export function resolveInIndex(
  index: ImageIndexDocument,
  reference: string,
  name: string,
): Descriptor | undefined {
  const found = index.manifests.filter((entry) =>
    isDigest(reference)
      ? entry.digest === reference
      : entry.annotations?.[REF_NAME] === reference || entry.annotations?.[CONTAINERD_NAME] === reference,
  );
  const [first] = found;
  if (first === undefined) return undefined;
  if (found.some((entry) => entry.digest !== first.digest)) {
    throw new DogwoodError(
      'IMAGE_AMBIGUOUS',
      `${name} has several images named ${JSON.stringify(reference)}`,
      {
        hint: `Name one by its digest: ${found.map((entry) => entry.digest).join(', ')}`,
      },
    );
  }
  return indexEntry(first);
}

/**
 * An image as an index.json tells of it and without what belongs to that index.json: its names. The platform helps a
 * reader to choose; `data` and `urls` have no use there.
 */
export function indexEntry(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}
