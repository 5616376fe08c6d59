import { DogwoodError } from '../errors.ts';
import type { Content, Expectation } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { createDigester, type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/documents.ts';
import { digestsIn, MissingContent, missingContent } from '../oci/missing-content.ts';
import { mismatch } from '../oci/verify.ts';
import { pushScope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import { bytesBody, discard, header } from './http/body.ts';
import { changedOnTheWay } from './http/damage.ts';
import { answerOf } from './http/refusal-code.ts';
import { withRetries } from './http/retry.ts';
import { type Repository, resolveManifest } from './pull.ts';

/** A manifest or index: whole, with the name its bytes have. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * Reads a manifest or index to be sent and checks it against what is expected.
 *
 * @throws MANIFEST_INVALID beyond 4 MiB, DIGEST_MISMATCH, SIZE_MISMATCH; errors of the content's source as they are
 */
export async function readManifest(content: Content, expected: Expectation, what: string): Promise<Document> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of await content.open()) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) {
      throw new DogwoodError(
        'MANIFEST_INVALID',
        `${what}: a manifest of more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
  }
  const bytes = Buffer.concat(chunks);
  const digest = digestLike(bytes, expected.digest);
  const wrong = mismatch(expected, size, () => digest, what);
  if (wrong !== null) throw wrong;
  return { descriptor: { mediaType: expected.mediaType, digest, size }, bytes };
}

/**
 * PUTs a manifest or index under a tag or its digest (distribution-spec, "Pushing Manifests").
 *
 * @throws BLOB_NOT_FOUND, its cause a MissingContent, when the registry misses something that the manifest names;
 *   TRANSFER_DAMAGED when it says that it got other bytes; TAG_IMMUTABLE; REGISTRY_*
 */
export async function sendManifest(
  client: RegistryClient,
  repository: Repository,
  reference: string,
  document: Document,
  signal?: AbortSignal,
): Promise<void> {
  await withRetries(
    client.retry,
    async () => {
      try {
        await sendOnce(client, repository, reference, document, signal);
      } catch (error) {
        throw digestAlgorithm(document.descriptor.digest) === 'sha256' ? changedOnTheWay(error) : error;
      }
    },
    { signal },
  );
}

async function sendOnce(
  client: RegistryClient,
  { registry, repository }: Repository,
  reference: string,
  { descriptor, bytes }: Document,
  signal: AbortSignal | undefined,
): Promise<void> {
  const request = {
    method: 'PUT',
    registry,
    url: `/v2/${repository}/manifests/${reference}`,
    scopes: [pushScope(repository)],
    headers: { 'content-type': descriptor.mediaType },
    body: bytesBody(bytes),
    what: `manifest ${reference} of ${repository}`,
    expect: [201, 200, 202, 204],
    signal,
  } as const;
  const response = await client.send(request).catch((error: unknown) => {
    throw namingWhatIsMissing(error);
  });
  discard(response);
  const says = header(response, 'docker-content-digest');
  // The header may be in another algorithm than ours; then it says nothing.
  if (says !== undefined && says !== descriptor.digest && sameAlgorithm(says, descriptor.digest)) {
    throw new DogwoodError(
      'DIGEST_MISMATCH',
      `${registry}/${repository}: sent ${descriptor.digest}, the registry has ${says}`,
    );
  }
  // Tells that the registry keeps referrers itself (distribution-spec, "Pushing Manifests with Subject").
  const subject = header(response, 'oci-subject');
  if (subject !== undefined) client.logger.debug('subject taken', { digest: descriptor.digest, subject });
}

const MISSING: ReadonlySet<string> = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN']);

/** Has a collector taken what was there a moment ago (korifi#2381, quay#6318)? Then it can be put again. */
function namingWhatIsMissing(error: unknown): unknown {
  const missing = answerOf(error)?.faults.filter(({ code }) => MISSING.has(code)) ?? [];
  if (missing.length === 0 || !(error instanceof DogwoodError)) return error;
  const cause = new MissingContent(
    missing.flatMap(({ detail }) => digestsIn(detail)),
    error.cause,
  );
  return new DogwoodError('BLOB_NOT_FOUND', error.message, { cause });
}

/**
 * PUTs a manifest or index under a tag. One that must not move may be where it should be already, put there by who was
 * faster or by a request whose answer got lost: then it is right (buildkit#3776, containers-roadmap#2380).
 */
export async function sendTagged(
  client: RegistryClient,
  repository: Repository,
  tag: string,
  document: Document,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await sendManifest(client, repository, tag, document, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (missingContent(error) !== undefined || !mayBeImmutable(error)) throw error;
    const scopes = [pushScope(repository.repository)];
    const current = await resolveManifest(client, repository, tag, { scopes, signal }).catch(() => undefined);
    if (current?.digest !== document.descriptor.digest) throw error;
  }
}

/** Registries say so in many words; those that say it in none we know are asked what the tag is. */
function mayBeImmutable(error: unknown): boolean {
  const status = answerOf(error)?.status ?? 0;
  return status >= 400 && status < 500 && status !== 401 && status !== 404 && status !== 429;
}

function sameAlgorithm(text: string, digest: Digest): boolean {
  return text.startsWith(`${digestAlgorithm(digest)}:`);
}

/** The digest of some bytes, in the algorithm of another. */
function digestLike(bytes: Uint8Array, other: Digest | undefined): Digest {
  if (other === undefined) return digestOf(bytes);
  const digester = createDigester(digestAlgorithm(other));
  digester.update(bytes);
  return digester.digest();
}
