import { DogwoodError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { childrenOf } from '../oci/graph.ts';
import { isManifestOrIndexType } from '../oci/media-types.ts';
import type { LocalStore } from '../oci/stores/local.ts';
import { readDocument } from '../oci/verify.ts';
import type { PipelineEnvironment } from './environment.ts';
import { parseImageName } from './image-name.ts';
import { withSession } from './session.ts';

export interface StoredImage {
  /** `app:latest`; null for an image that is kept without a name. */
  readonly name: string | null;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of all its blobs and documents, each once; null where a document of it is missing. */
  readonly size: number | null;
  /** When the name was given (ISO 8601); null without one. */
  readonly updatedAt: string | null;
}

/** `build images list --json`. */
export interface ImagesDocument {
  readonly schemaVersion: 1;
  readonly images: readonly StoredImage[];
}

/** The images of the local store, by name. */
export function listImages(environment: PipelineEnvironment): Promise<ImagesDocument> {
  return withSession(environment, async (session) => {
    const store = await session.openStore();
    const { signal } = environment;
    const named = await store.names.list();
    const known = new Set(named.map(({ descriptor }) => descriptor.digest));
    const roots = (await store.roots.list()).filter(({ digest }) => !known.has(digest));
    const all = [
      ...named.map((image) => ({ ...image, updatedAt: image.updatedAt.toISOString() })),
      ...roots.map((descriptor) => ({ name: null, descriptor, updatedAt: null })),
    ];
    const images: StoredImage[] = [];
    for (const { name, descriptor, updatedAt } of all) {
      const { digest, mediaType } = descriptor;
      images.push({ name, digest, mediaType, size: await sizeOfImage(store, descriptor, signal), updatedAt });
    }
    return { schemaVersion: 1, images };
  });
}

/** Documents are read, layers are not. Null where one is missing or damaged. */
async function sizeOfImage(
  store: LocalStore,
  image: Descriptor,
  signal: AbortSignal,
): Promise<number | null> {
  const sizes = new Map<Digest, number>();
  const waiting = [image];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (sizes.has(next.digest)) continue;
    sizes.set(next.digest, next.size);
    if (!isManifestOrIndexType(next.mediaType)) continue;
    try {
      waiting.push(...childrenOf(next, await readDocument(store, next, signal)));
    } catch (error) {
      if (error instanceof DogwoodError) return null;
      throw error;
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** `build images rm --json`. */
export interface RemovedDocument {
  readonly schemaVersion: 1;
  readonly removed: readonly string[];
}

/**
 * Takes names away; of a digest, every name it has and its being kept without one. The blobs stay.
 *
 * @throws IMAGE_NOT_FOUND for the first name that is not there, before any is taken away
 */
export function removeImages(
  names: readonly string[],
  environment: PipelineEnvironment,
): Promise<RemovedDocument> {
  return withSession(environment, async (session) => {
    const wanted = names.map(localNameOf);
    const store = await session.openStore();
    const named = await store.names.list();
    const there = (name: string) =>
      isDigest(name)
        ? named.filter(({ descriptor }) => descriptor.digest === name).map((image) => image.name)
        : named.filter((image) => image.name === name).map((image) => image.name);
    const removed: string[] = [];
    for (const name of wanted) {
      const isRoot = isDigest(name) && (await store.roots.get(name)) !== undefined;
      if (there(name).length > 0 || isRoot) continue;
      throw new DogwoodError('IMAGE_NOT_FOUND', `${store.name} has no ${JSON.stringify(name)}`, {
        hint: '`build images list` shows what there is.',
      });
    }
    for (const name of wanted) {
      for (const found of there(name)) if (await store.names.remove(found)) removed.push(found);
      if (isDigest(name) && (await store.roots.remove(name))) removed.push(name);
    }
    return { schemaVersion: 1, removed };
  });
}

function localNameOf(text: string): string {
  const name = parseImageName(text, 'local');
  if (name.transport === 'local') return name.name;
  throw new DogwoodError(
    'REFERENCE_INVALID',
    `${JSON.stringify(text.slice(0, 160))} is not in the local store`,
    {
      hint: 'Write NAME[:TAG] or sha256:..., as `build images list` shows them.',
    },
  );
}
