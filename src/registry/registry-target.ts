import type { Content, Expectation } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import { isManifestOrIndexType } from '../oci/media-types.ts';
import { formatReference, type Reference, registryHost } from '../oci/reference.ts';
import type { PutOptions, PutResult, Target } from '../oci/target.ts';
import { readDocument } from '../oci/verify.ts';
import { pullScope, pushScope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import type { Deleted } from './delete.ts';
import { unlessAborted } from './http/sharing.ts';
import { type Document, readManifest, sendManifest, sendTagged } from './manifests.ts';
import { openContent, type Repository, resolveManifest, sizeOfContent } from './pull.ts';
import type { ListReferrersOptions } from './referrers.ts';
import type { ListTagsOptions } from './tags.ts';
import { uploadBlob } from './upload/upload.ts';

/** One repository of a registry as a target. */
export interface RegistryTarget extends Target {
  /** Is there a registry, and does it answer? */
  ping(signal?: AbortSignal): Promise<void>;
  /** Throws IMAGE_NOT_FOUND when there is no such repository. */
  tags(options?: ListTagsOptions): Promise<readonly string[]>;
  /** What refers to a manifest with its `subject`; none for one that is not there. */
  referrers(subject: Digest, options?: ListReferrersOptions): Promise<readonly Descriptor[]>;
  /**
   * Deletes a tag, or the manifest or blob of a digest.
   *
   * @throws IMAGE_NOT_FOUND; REGISTRY_UNSUPPORTED where the registry deletes no such thing
   */
  remove(reference: string, signal?: AbortSignal): Promise<Deleted>;
}

export interface RegistryTargetOptions {
  readonly client: RegistryClient;
  /** Tag and digest in it are of no matter here: the target is the repository. */
  readonly reference: Reference;
  /**
   * `push` asks for a token that may push from the start, which saves asking for two. `pull` (default) does so with
   * the first put: registries may refuse the right to push even to look (GHCR, anonymous).
   */
  readonly access?: 'pull' | 'push' | undefined;
}

/** A repository of a registry; blobs of one client are never sent twice at once into the same repository. */
export function createRegistryTarget(options: RegistryTargetOptions): RegistryTarget {
  const { client } = options;
  const { registry, repository: name } = options.reference;
  const repository: Repository = { registry, repository: name };
  const sent = createRecentDocuments();
  const tagged = new Map<string, Digest>();
  let access = options.access ?? 'pull';
  const reading = (signal: AbortSignal | undefined) => ({
    scopes: [access === 'push' ? pushScope(name) : pullScope(name)],
    signal,
  });
  return {
    name: `docker://${formatReference(repository)}`,
    ping: (signal) => client.ping(registry, signal),
    async has(descriptor, signal) {
      return (await sizeOfContent(client, repository, descriptor, reading(signal))) === descriptor.size;
    },
    open: (descriptor, { verify, offset, signal } = {}) =>
      openContent(client, repository, descriptor, { ...reading(signal), verify, offset }),
    async put(content, expected, put = {}) {
      access = 'push';
      if (!isManifestOrIndexType(expected.mediaType)) {
        return await putBlob(client, repository, content, expected, put);
      }
      const existing = put.again
        ? undefined
        : await existingManifest(client, repository, expected, put.signal);
      if (existing !== undefined) return existing;
      const document = await readManifest(content, expected, this.name);
      const { digest } = document.descriptor;
      // Put by a tag, a registry chooses the algorithm, and a manifest that is named otherwise would not be found.
      const tag = digestAlgorithm(digest) === 'sha256' ? put.tag : undefined;
      if (tag === undefined) await sendManifest(client, repository, digest, document, put.signal);
      else await sendTagged(client, repository, tag, document, put.signal);
      if (tag !== undefined) tagged.set(tag, digest);
      put.onBytes?.(document.bytes.length);
      sent.add(document);
      return { descriptor: document.descriptor, outcome: 'sent' };
    },
    resolve: (reference, signal) => resolveManifest(client, repository, reference, reading(signal)),
    async tag(descriptor, tag, signal) {
      access = 'push';
      if (tagged.get(tag) === descriptor.digest) return;
      // A tag that is right already is left alone: it may be one that must not move (buildkit#3776).
      const current = await resolveManifest(client, repository, tag, reading(signal));
      if (current?.digest === descriptor.digest) return;
      const bytes = sent.find(descriptor.digest) ?? (await readDocument(this, descriptor, signal));
      await sendTagged(client, repository, tag, { descriptor, bytes }, signal);
    },
    async addReferrer(referrer, bytes, signal) {
      access = 'push';
      const { addReferrer } = await import('./referrers.ts');
      await addReferrer(client, repository, { referrer, bytes }, reading(signal));
    },
    tags: async (list) => await (await import('./tags.ts')).listTags(client, repository, list),
    referrers: async (subject, list) =>
      await (await import('./referrers.ts')).listReferrers(client, repository, subject, list),
    remove: async (reference, signal) =>
      await (await import('./delete.ts')).deleteContent(client, repository, reference, signal),
    origin: () => ({ registry: registryHost(registry), repository: name }),
  };
}

async function existingManifest(
  client: RegistryClient,
  repository: Repository,
  { digest, mediaType, size }: Expectation,
  signal: AbortSignal | undefined,
): Promise<PutResult | undefined> {
  if (digest === undefined) return undefined;
  const scopes = [pushScope(repository.repository)];
  const wanted = { mediaType, digest, size };
  const found = await sizeOfContent(client, repository, wanted, { scopes, signal });
  if (found === undefined || (size !== undefined && size !== found)) return undefined;
  return { descriptor: { mediaType, digest, size: found }, outcome: 'existing' };
}

/** Puts a blob unless the same one is on its way already; then waits for that one. */
async function putBlob(
  client: RegistryClient,
  repository: Repository,
  content: Content,
  expected: Expectation,
  options: PutOptions,
): Promise<PutResult> {
  const { mediaType, digest } = expected;
  const start = () => uploadBlob({ client, repository, content, expected, options });
  if (digest === undefined) return await start();
  // The registry is part of the key: the same name in two registries is two places (moby#22854).
  const key = `${registryHost(repository.registry)}/${repository.repository}@${digest}`;
  for (let other = client.uploads.get(key); other !== undefined; other = client.uploads.get(key)) {
    // Its failure may be its own (a broken source, an abort): then it is our turn.
    const first = await unlessAborted(
      other.catch(() => undefined),
      options.signal,
    );
    if (first !== undefined) return { descriptor: { ...first.descriptor, mediaType }, outcome: 'existing' };
  }
  const own = start();
  client.uploads.set(key, own);
  try {
    return await own;
  } finally {
    client.uploads.delete(key);
  }
}

/** Manifests put a moment ago, so that a tag needs no fetching of them. */
function createRecentDocuments(limit = 8) {
  const documents = new Map<Digest, Uint8Array>();
  return {
    find: (digest: Digest) => documents.get(digest),
    add({ descriptor, bytes }: Document) {
      documents.set(descriptor.digest, bytes);
      for (const oldest of documents.keys()) if (documents.size > limit) documents.delete(oldest);
    },
  };
}
