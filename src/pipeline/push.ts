import type { Descriptor, Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { resolvePlatform } from '../oci/load.ts';
import type { Destination, Quorum, RegionRegistry } from '../plan/request.ts';
import type { ResultReference } from '../plan/result.ts';
import { distribute } from './delivery/distribute.ts';
import { keptSource } from './delivery/kept-source.ts';
import { imageAppName } from './places/app-name.ts';
import { askedDestinations } from './places/destinations.ts';
import { openImage } from './places/open-image.ts';
import { registryPlace, requireQuorum } from './places/open-places.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

/** `build push --json`. */
export interface PushDocument {
  readonly schemaVersion: 1;
  readonly status: 'succeeded';
  readonly image: { readonly digest: Digest; readonly mediaType: string; readonly size: number };
  readonly references: readonly ResultReference[];
}

export interface PushOptions {
  /** Only this platform's image of an index. */
  readonly platform?: Platform | undefined;
  /** What the user's config file says of regions, for destinations that leave it to that. */
  readonly regions?: readonly RegionRegistry[] | undefined;
  readonly quorum?: Quorum | undefined;
}

/**
 * Sends an image to registries, in parallel, only what each of them lacks. One that fails does not fail the others:
 * its reference says why. Throws when every one failed, and what opening the image throws.
 */
export function pushImage(
  image: string,
  destinations: readonly Destination[],
  environment: PipelineEnvironment,
  options: PushOptions = {},
): Promise<PushDocument> {
  return withSession(environment, async (session) => {
    const regions = { project: [], user: options.regions ?? [], app: imageAppName(image) };
    const { registries } = askedDestinations('REF', destinations, regions);
    requireQuorum(options.quorum, registries);
    const places = registries.map((destination) => registryPlace(destination, session));
    const { descriptor, from, reference } = await openImage(image, 'local', session);
    const chosen: Descriptor = options.platform
      ? await resolvePlatform(from, descriptor, options.platform, environment.signal)
      : descriptor;
    // From one registry into several: fetched once, as far as any of them lacks it.
    const isFar = reference !== undefined && places.length > 1;
    const source = isFar ? keptSource(from, session.store) : from;
    const references = await distribute(source, chosen, places, session);
    const { digest, mediaType, size } = chosen;
    return { schemaVersion: 1, status: 'succeeded', image: { digest, mediaType, size }, references };
  });
}
