import { DogwoodError } from '../errors.ts';
import { bytesContent, type Content, type Expectation } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { createDigester, type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/documents.ts';
import { isManifestOrIndexType } from '../oci/media-types.ts';
import { formatReference, type Reference, registryHost } from '../oci/reference.ts';
import type { PutOptions, PutResult, Target } from '../oci/target.ts';
import { mismatch, readDocument } from '../oci/verify.ts';
import { discard, header } from './body.ts';
import type { RegistryClient } from './http.ts';
import { openContent, type Repository, resolveManifest, sizeOfContent } from './pull.ts';
import { pullScope, pushScope } from './scope.ts';
import { uploadBlob } from './upload.ts';

/** One repository of a registry as a target. */
export interface RegistryTarget extends Target {
  /** Is there a registry, and does it answer? */
  ping(signal?: AbortSignal): Promise<void>;
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

/** Manifests put a moment ago are kept to be tagged without fetching them again. */
const MAX_KEPT_MANIFESTS = 8;

/** A repository of a registry; blobs of one client are never sent twice at once into the same repository. */
export function createRegistryTarget(options: RegistryTargetOptions): RegistryTarget {
  const { client } = options;
  const { registry, repository: name } = options.reference;
  const repository: Repository = { registry, repository: name };
  const target = `docker://${formatReference({ registry, repository: name })}`;
  const kept = new Map<Digest, Uint8Array>();
  let access = options.access ?? 'pull';
  const scopes = () => [access === 'push' ? pushScope(name) : pullScope(name)];

  const putManifest = async (content: Content, expected: Expectation, signal: AbortSignal | undefined) => {
    if (expected.digest !== undefined) {
      const found = await sizeOfContent(
        client,
        repository,
        { ...expected, digest: expected.digest },
        { scopes: scopes(), signal },
      );
      if (found !== undefined && (expected.size ?? found) === found) {
        const descriptor = { mediaType: expected.mediaType, digest: expected.digest, size: found };
        return { descriptor, outcome: 'existing' } as const;
      }
    }
    const bytes = await readManifest(content, expected, target);
    const digest = digestLike(bytes, expected.digest);
    await sendManifest(digest, { mediaType: expected.mediaType, digest, size: bytes.length }, bytes, signal);
    kept.set(digest, bytes);
    for (const oldest of kept.keys()) if (kept.size > MAX_KEPT_MANIFESTS) kept.delete(oldest);
    return {
      descriptor: { mediaType: expected.mediaType, digest, size: bytes.length },
      outcome: 'sent',
    } as const;
  };

  const sendManifest = async (
    reference: string,
    { mediaType, digest }: Descriptor,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ) => {
    const response = await client.send({
      method: 'PUT',
      registry,
      url: `/v2/${name}/manifests/${reference}`,
      scopes: scopes(),
      headers: { 'content-type': mediaType },
      body: { size: bytes.length, open: () => bytesContent(bytes).open() },
      what: `manifest ${reference} of ${name}`,
      expect: [201, 200, 202, 204],
      signal,
    });
    discard(response);
    const says = header(response, 'docker-content-digest');
    if (says !== undefined && says !== digest) {
      throw new DogwoodError('DIGEST_MISMATCH', `${target}: sent ${digest}, the registry has ${says}`);
    }
    // Says that the registry keeps referrers itself (distribution-spec, "Pushing Manifests with Subject").
    const subject = header(response, 'oci-subject');
    if (subject !== undefined) client.logger.debug('registry took the subject', { digest, subject });
  };

  return {
    name: target,
    ping: (signal) => client.ping(registry, signal),
    async has(descriptor, signal) {
      const found = await sizeOfContent(client, repository, descriptor, { scopes: scopes(), signal });
      return found === descriptor.size;
    },
    open: (descriptor, open = {}) =>
      openContent(client, repository, descriptor, { ...open, scopes: scopes() }),
    async put(content, expected, put = {}) {
      access = 'push';
      if (!isManifestOrIndexType(expected.mediaType)) {
        return await putOnce(client, repository, content, expected, put);
      }
      const result = await putManifest(content, expected, put.signal);
      if (result.outcome === 'sent') put.onBytes?.(result.descriptor.size);
      return result;
    },
    resolve: (reference, signal) =>
      resolveManifest(client, repository, reference, { scopes: scopes(), signal }),
    async tag(descriptor, tag, signal) {
      access = 'push';
      const current = await resolveManifest(client, repository, tag, { scopes: scopes(), signal });
      if (current?.digest === descriptor.digest) return;
      const bytes = kept.get(descriptor.digest) ?? (await readDocument(this, descriptor, signal));
      await sendManifest(tag, descriptor, bytes, signal);
    },
    origin: () => ({ registry: registryHost(registry), repository: name }),
  };
}

/** Puts a blob unless the same one is on its way already; then waits for that one. */
async function putOnce(
  client: RegistryClient,
  repository: Repository,
  content: Content,
  expected: Expectation,
  options: PutOptions,
): Promise<PutResult> {
  const start = () => uploadBlob({ client, repository, content, expected, options });
  if (expected.digest === undefined) return await start();
  // The registry is part of the key: the same name in two registries is two places (moby#22854).
  const key = `${registryHost(repository.registry)}/${repository.repository}@${expected.digest}`;
  for (let other = client.uploads.get(key); other !== undefined; other = client.uploads.get(key)) {
    const first = await other.catch(() => undefined);
    options.signal?.throwIfAborted();
    if (first !== undefined)
      return { descriptor: { ...first.descriptor, mediaType: expected.mediaType }, outcome: 'existing' };
  }
  const own = start();
  client.uploads.set(key, own);
  try {
    return await own;
  } finally {
    client.uploads.delete(key);
  }
}

async function readManifest(content: Content, expected: Expectation, target: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of await content.open()) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) {
      throw new DogwoodError(
        'MANIFEST_INVALID',
        `${target}: a manifest of more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
  }
  const bytes = Buffer.concat(chunks);
  const wrong = mismatch(expected, size, () => digestLike(bytes, expected.digest), target);
  if (wrong !== null) throw wrong;
  return bytes;
}

/** The digest of some bytes, in the algorithm of another. */
function digestLike(bytes: Uint8Array, other: Digest | undefined): Digest {
  if (other === undefined) return digestOf(bytes);
  const digester = createDigester(digestAlgorithm(other));
  digester.update(bytes);
  return digester.digest();
}
