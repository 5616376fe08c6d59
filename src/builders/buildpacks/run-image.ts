import { z } from 'zod';
import type { DockerEngine } from '../../engines/docker/engine.ts';
import { localImageLabels } from '../../engines/docker/local-image.ts';
import { DogwoodError } from '../../errors.ts';
import { parseReference } from '../../oci/reference.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import type { BuildContext } from '../builder.ts';
import { pinned } from './reference.ts';

const runImage = z.object({ image: z.string(), mirrors: z.array(z.string()).nullish() });
const builderMetadata = z.object({
  images: z.array(runImage).nullish(),
  stack: z.object({ runImage: runImage.nullish() }).nullish(),
});

/** A host of the DNS, spoken to with TLS: the same for the lifecycle's containers as for us. */
const NAMED_HOST = /^(?!.*\.local(?:host)?$)[a-z0-9.-]+\.[a-z]{2,}$/i;

/**
 * The run image that pack, told by this name, reads from a registry as it would have read it from the engine: there
 * for us to read, reachable from a container, and not another than the engine holds under that name. Undefined where
 * none is sure to be.
 */
export async function publishedRunImage(
  plan: BuildPlan,
  details: BuildpacksPlan,
  docker: Promise<DockerEngine>,
  registry: string,
  context: BuildContext,
): Promise<string | undefined> {
  const names = details.runImage ? [details.runImage.value] : await runImagesOf(details, plan, context);
  const near = (name: string): boolean => parseReference(name).registry === registry;
  for (const name of [...names.filter(near), ...names.filter((each) => !near(each))]) {
    if (!near(name) && !NAMED_HOST.test(parseReference(name).registry)) continue;
    try {
      const [{ image }, held] = await Promise.all([
        context.resolveImage(`docker://${name}`, plan.platform),
        docker.then((engine) => engine.imageId(name, context.signal)),
      ]);
      if (held === undefined || held === image.manifest.config.digest) return name;
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof DogwoodError)) throw error;
    }
  }
  return undefined;
}

/** The run image of a builder, and its mirrors (platform specification, "Builder images"). */
async function runImagesOf(
  { builder }: BuildpacksPlan,
  { platform }: BuildPlan,
  { engines, resolveImage, signal }: BuildContext,
): Promise<readonly string[]> {
  const name = pinned(builder.value, builder.digest);
  try {
    const labels =
      (await localImageLabels(engines.dockerHost, name, signal)) ??
      (await resolveImage(`docker://${name}`, platform)).image.config.config?.Labels;
    const { images, stack } = builderMetadata.parse(
      JSON.parse(labels?.['io.buildpacks.builder.metadata'] ?? ''),
    );
    const found = images?.[0] ?? stack?.runImage;
    return found ? [found.image, ...(found.mirrors ?? [])] : [];
  } catch {
    // The build says what is wrong with a builder; here it only tells nothing.
    signal.throwIfAborted();
    return [];
  }
}
