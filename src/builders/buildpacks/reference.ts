import { localImageDigest } from '../../engines/docker/local-image.ts';
import { DogwoodError, ERRORS } from '../../errors.ts';
import type { Platform } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts';
import type { PlanContext } from '../builder.ts';

/**
 * The digest of the builder that a build would use: of the image that the Docker Engine holds under that name, as
 * pack's `if-not-present` takes it, else of what the registry has. Null where nobody knows one, because neither can be
 * reached or the image was made on this machine.
 *
 * Throws REFERENCE_INVALID, PLATFORM_NOT_FOUND.
 */
export async function builderDigest(
  name: string,
  platform: Platform,
  context: PlanContext,
): Promise<Digest | null> {
  const reference = parseReference(name);
  if (reference.digest !== undefined) return reference.digest;
  const held = await localImageDigest(context.engines.dockerHost, name, context.signal);
  if (held !== undefined)
    return held.map((each) => digestIn(each, name)).find((each) => each !== null) ?? null;
  try {
    return (await context.resolveImage(`docker://${name}`, platform)).image.descriptor.digest;
  } catch (error) {
    context.signal.throwIfAborted();
    // A plan can be made without the network; the build then says what is wrong.
    if (!(error instanceof DogwoodError) || error.code === 'PLATFORM_NOT_FOUND') throw error;
    if (ERRORS[error.code].fault === 'bug') throw error;
    return null;
  }
}

/** A digest that the engine knows the image by, if it is under this repository: elsewhere it may name another manifest. */
function digestIn(repoDigest: string, name: string): Digest | null {
  const [wanted, found] = [parseReference(name), parseReference(repoDigest)];
  if (found.registry !== wanted.registry || found.repository !== wanted.repository) return null;
  return found.digest !== undefined && isDigest(found.digest) ? found.digest : null;
}

/** The builder as pack is told: by its digest where there is one, so that nobody moves its tag in between. */
export function pinned(name: string, digest: Digest | null): string {
  if (digest === null) return name;
  const { registry, repository } = parseReference(name);
  return formatReference({ registry, repository, digest });
}

/** REPOSITORY:TAG of a name without a digest, as the engine takes a tag; undefined where the name is a digest. */
export function tagged(name: string): string | undefined {
  const reference = withDefaultTag(parseReference(name));
  return reference.digest === undefined ? formatReference(reference) : undefined;
}
