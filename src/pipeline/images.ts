import { DogwoodError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { childrenOf } from '../oci/graph.ts';
import { isManifestOrIndexType } from '../oci/media-types.ts';
import { formatReference, referenceTarget } from '../oci/reference.ts';
import type { LocalStore } from '../oci/stores/local.ts';
import { readDocument } from '../oci/verify.ts';
import { type ImageName, parseImageName } from './places/image-name.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

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

/** `build images list docker://... --json`. */
export interface TagsDocument {
  readonly schemaVersion: 1;
  /** `registry.example/app`. */
  readonly repository: string;
  readonly tags: readonly string[];
}

/** The tags of a repository of a registry. Throws REFERENCE_INVALID, IMAGE_NOT_FOUND, REGISTRY_*. */
export function listTags(text: string, environment: PipelineEnvironment): Promise<TagsDocument> {
  return withSession(environment, async (session) => {
    const name = parseImageName(text, 'local');
    if (
      name.transport !== 'registry' ||
      name.reference.tag !== undefined ||
      name.reference.digest !== undefined
    ) {
      throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 160))} is no repository`, {
        hint: 'Write docker://HOST/REPOSITORY, without a tag.',
      });
    }
    const { registry, repository } = name.reference;
    const tags = await session.repository(name.reference).tags({ signal: environment.signal });
    return { schemaVersion: 1, repository: formatReference({ registry, repository }), tags };
  });
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
 * Takes names away: of the local store, where the blobs stay, and of a digest every name; of a registry (`docker://`) a
 * tag, or by its digest an image.
 *
 * @throws IMAGE_NOT_FOUND for the first local name that is not there, before anything is taken away; REGISTRY_*
 */
export function removeImages(
  names: readonly string[],
  environment: PipelineEnvironment,
): Promise<RemovedDocument> {
  return withSession(environment, async (session) => {
    const wanted = names.map((text) => ({ text, name: removable(text) }));
    const local = wanted.flatMap(({ name }) => (name.transport === 'local' ? [name.name] : []));
    const removed = local.length === 0 ? [] : await removeLocal(local, await session.openStore());
    for (const { text, name } of wanted) {
      if (name.transport !== 'registry') continue;
      await session.repository(name.reference).remove(referenceTarget(name.reference), environment.signal);
      removed.push(text);
    }
    return { schemaVersion: 1, removed };
  });
}

async function removeLocal(wanted: readonly string[], store: LocalStore): Promise<string[]> {
  const named = await store.names.list();
  const namesOf = (name: string) =>
    named
      .filter((image) => (isDigest(name) ? image.descriptor.digest === name : image.name === name))
      .map((image) => image.name);
  for (const name of wanted) {
    const isRoot = isDigest(name) && (await store.roots.get(name)) !== undefined;
    if (namesOf(name).length > 0 || isRoot) continue;
    throw new DogwoodError('IMAGE_NOT_FOUND', `${store.name} has no ${JSON.stringify(name)}`, {
      hint: '`build images list` shows what there is.',
    });
  }
  const removed: string[] = [];
  for (const name of wanted) {
    for (const found of namesOf(name)) if (await store.names.remove(found)) removed.push(found);
    if (isDigest(name) && (await store.roots.remove(name))) removed.push(name);
  }
  return removed;
}

/** A tag or digest has to be written: nobody deletes `latest` of a registry by leaving something out. */
function removable(text: string): Extract<ImageName, { transport: 'local' | 'registry' }> {
  const name = parseImageName(text, 'local');
  const isWhole =
    name.transport === 'registry' && (name.reference.tag ?? name.reference.digest) !== undefined;
  if (name.transport === 'local' || isWhole) return name;
  throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 160))} cannot be removed`, {
    hint: 'Write NAME[:TAG] or sha256:... of the local store, or docker://HOST/REPOSITORY with :TAG or @DIGEST.',
  });
}
