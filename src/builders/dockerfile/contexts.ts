import { resolve } from 'node:path';
import type { EngineContext } from '../../engines/dockerfile/engine.ts';
import { copy } from '../../oci/copy.ts';
import { openLayout } from '../../oci/stores/layout.ts';
import type { DockerfilePlan } from '../../plan/dockerfile-plan.ts';
import type { BuildContext } from '../builder.ts';

/** Images that are taken from elsewhere, as OCI layouts that an engine can read. */
export async function prepareContexts(
  { bases }: DockerfilePlan,
  context: BuildContext,
): Promise<readonly EngineContext[]> {
  const contexts: EngineContext[] = [];
  for (const { reference, from } of bases) {
    if (from !== null) contexts.push({ name: reference, ...(await layoutOf(from, context)) });
  }
  return contexts;
}

async function layoutOf(reference: string, context: BuildContext): Promise<Omit<EngineContext, 'name'>> {
  const { request, signal } = context;
  const { image, from } = await context.resolveImage(reference, request.platform);
  const { digest } = image.descriptor;
  const own = /^oci:([^:@]+)(?::([^:@]+))?$/.exec(reference);
  // A layout of the user's is read where it lies. Buildah wants a tag there, or no other image.
  if (own?.[1] !== undefined) return { layout: resolve(own[1]), digest, tag: own[2] };
  const layout = await context.makeFolder();
  const target = await openLayout(layout, { create: true });
  await copy(from, target, image.descriptor, { signal });
  await target.tag(image.descriptor, 'base');
  return { layout, digest, tag: 'base' };
}
