import { DogwoodError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { formatReference } from '../oci/reference.ts';
import { subjectOf } from '../oci/referrer.ts';
import { readDocument } from '../oci/verify.ts';
import { deleteScope, pushScope } from './auth/scope.ts';
import type { RegistryClient } from './client.ts';
import { discard } from './http/body.ts';
import { openContent, type Repository, resolveManifest, sizeOfContent } from './pull.ts';
import { removeReferrer } from './referrers.ts';

/** What was deleted. Of a tag it is the name alone: the manifest stays under its digest and other tags. */
export type Deleted = 'tag' | 'manifest' | 'blob';

/**
 * Deletes a tag, or the manifest or blob that has a digest (distribution-spec, "Content Management"). A manifest with a
 * `subject` is taken off the list of that one's referrers too. The right to delete is asked for here only.
 *
 * @throws IMAGE_NOT_FOUND; REGISTRY_UNSUPPORTED where the registry deletes no such thing; REGISTRY_*
 */
export async function deleteContent(
  client: RegistryClient,
  repository: Repository,
  reference: string,
  signal?: AbortSignal,
): Promise<Deleted> {
  const scopes = [deleteScope(repository.repository)];
  const options = { scopes, signal };
  const found = await resolveManifest(client, repository, reference, options);
  if (!isDigest(reference)) {
    if (found === undefined) throw nothingThere(repository, reference);
    await remove(client, repository, `manifests/${reference}`, options);
    return 'tag';
  }
  if (found === undefined) {
    const blob = { mediaType: 'application/octet-stream', digest: reference };
    if ((await sizeOfContent(client, repository, blob, options)) === undefined) {
      throw nothingThere(repository, reference);
    }
    await remove(client, repository, `blobs/${reference}`, options);
    return 'blob';
  }
  const subject = await findSubject(client, repository, found, options);
  await remove(client, repository, `manifests/${reference}`, options);
  if (subject !== undefined) {
    const both = { scopes: [...scopes, pushScope(repository.repository)], signal };
    await removeReferrer(client, repository, { referrer: reference, subject }, both);
  }
  return 'manifest';
}

interface Options {
  readonly scopes: readonly string[];
  readonly signal: AbortSignal | undefined;
}

async function findSubject(
  client: RegistryClient,
  repository: Repository,
  manifest: Descriptor,
  options: Options,
): Promise<Digest | undefined> {
  const from: Parameters<typeof readDocument>[0] = {
    name: `docker://${formatReference(repository)}`,
    open: (document, open) => openContent(client, repository, document, { ...options, ...open }),
  };
  return subjectOf(manifest, await readDocument(from, manifest, options.signal));
}

async function remove(
  client: RegistryClient,
  { registry, repository }: Repository,
  path: string,
  { scopes, signal }: Options,
): Promise<void> {
  const what = `${path} of ${repository}`;
  const response = await client.send({
    method: 'DELETE',
    registry,
    url: `/v2/${repository}/${path}`,
    scopes,
    what,
    // 404: another was faster, or the first answer got lost.
    expect: [202, 200, 204, 404, 400, 405],
    signal,
  });
  if (response.status !== 400 && response.status !== 405) return discard(response);
  discard(response);
  throw new DogwoodError('REGISTRY_UNSUPPORTED', `${registry}: DELETE ${what}: ${response.status}`, {
    hint:
      path.startsWith('manifests/') && !path.includes(':')
        ? 'It deletes no single tag: name the image by its digest, which takes all its tags along, or let the tag point elsewhere.'
        : 'It deletes nothing, or is set up so: see its own console or settings.',
  });
}

function nothingThere({ registry, repository }: Repository, reference: string): DogwoodError {
  return new DogwoodError('IMAGE_NOT_FOUND', `${registry}/${repository} has no ${reference}`);
}
