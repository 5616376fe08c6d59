import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { loadImage } from '../../oci/load.ts';
import type { Target } from '../../oci/target.ts';
import type { DockerfilePlan } from '../../plan/dockerfile-plan.ts';
import type { LayerOrigin } from '../../plan/result.ts';
import type { BuildContext } from '../builder.ts';
import { reachable } from './plan.ts';
import type { OpenedDockerfile } from './read.ts';
import { chainOf } from './stages.ts';

/** Which layers came with the base image, by what they hold, and which the Dockerfile's steps made. */
export async function originsOf(
  built: { readonly descriptor: Descriptor; readonly from: Target },
  { bases }: DockerfilePlan,
  { stage }: OpenedDockerfile,
  context: BuildContext,
): Promise<ReadonlyMap<Digest, LayerOrigin>> {
  const { signal, request } = context;
  const image = await loadImage(built.from, built.descriptor, { platform: request.platform, signal });
  const reference = chainOf(stage)[0]?.base.text;
  const planned = bases.find((base) => base.reference === reference);
  // What was out of reach for the plan is not asked for again.
  const base =
    planned === undefined || planned.digest === null
      ? undefined
      : await reachable(planned.from ?? planned.reference, request, context);
  const ids = base?.image.layers.map(({ diffId }) => diffId) ?? [];
  const count = image.layers.findIndex(({ diffId }, index) => diffId !== ids[index]);
  const own = count === -1 ? image.layers.length : count;
  return new Map(
    image.layers.map(({ descriptor }, index) => [descriptor.digest, index < own ? 'base' : 'step'] as const),
  );
}
