import { DogwoodError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { LocalStore } from '../../oci/stores/local.ts';
import { readDocument } from '../../oci/verify.ts';
import { type Closure, closureOf, type Members, membersOf } from './closure.ts';
import type { PullContent, RepositoryContent } from './content.ts';

/** As many documents are remembered as name this many others: some 20 MB. */
const MAX_REMEMBERED = 200_000;
const MAX_REPOSITORIES = 256;

/**
 * The local store: `local:NAME:TAG` is the tag TAG of the repository NAME. A blob belongs to a repository only when
 * one of the repository's names leads to it, whatever else the store holds; images without a name belong to none,
 * but for those whose `subject` is in the repository.
 */
export function createStoreContent(store: LocalStore, logger: Logger): PullContent {
  const members = createMembersCache(store, logger);
  const known = new Map<string, { revision: string; content: RepositoryContent }>();
  return {
    async repository(name) {
      const revision = await store.revision();
      const found = known.get(name);
      if (found?.revision === revision) return found.content;
      known.delete(name);
      const named = await store.names.list(`${name}:`);
      if (named.length === 0) return undefined;
      const tags = new Map(
        named.map((entry) => [entry.name.slice(name.length + 1), entry.descriptor] as const),
      );
      const closure = await closureOf([...tags.values()], await store.roots.list(), members);
      const content = contentOf(tags, closure);
      if (closure.whole) known.set(name, { revision, content });
      for (const oldest of known.keys()) if (known.size > MAX_REPOSITORIES) known.delete(oldest);
      return content;
    },
    read: (manifest) => readDocument(store, manifest),
    blobFile: store.blobFile,
    discardDamaged: async (blob) => await store.discardDamaged?.(blob),
  };
}

function contentOf(tags: ReadonlyMap<string, Descriptor>, closure: Closure): RepositoryContent {
  return {
    // SQLite gave them in this order.
    tags: [...tags.keys()],
    manifest: (reference) => (isDigest(reference) ? closure.manifests.get(reference) : tags.get(reference)),
    blob: (digest) => closure.blobs.get(digest),
    referrers: (subject) =>
      (closure.referrers.get(subject) ?? []).toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
  };
}

/** What each document names is read once: a digest never means other bytes. */
function createMembersCache(store: LocalStore, logger: Logger) {
  const cache = new Map<Digest, Members>();
  let remembered = 0;
  const weight = ({ manifests, blobs }: Members) => 1 + manifests.length + blobs.length;
  return async (manifest: Descriptor): Promise<Members | undefined> => {
    const known = cache.get(manifest.digest);
    if (known !== undefined) return known;
    let members: Members;
    try {
      members = membersOf(manifest, await readDocument(store, manifest));
    } catch (error) {
      if (!(error instanceof DogwoodError)) throw error;
      logger.warn('manifest not served', { digest: manifest.digest, code: error.code });
      return undefined;
    }
    cache.set(manifest.digest, members);
    remembered += weight(members);
    for (const [oldest, its] of cache) {
      if (remembered <= MAX_REMEMBERED) break;
      cache.delete(oldest);
      remembered -= weight(its);
    }
    return members;
  };
}
