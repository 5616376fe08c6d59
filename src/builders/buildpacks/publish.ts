import type { DockerEngine } from '../../engines/docker/engine.ts';
import type { PackBuildOptions } from '../../engines/pack/arguments.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { DOGWOOD_TOML } from '../../plan/project.ts';
import type { BuildContext, PublishTarget } from '../builder.ts';
import type { Caches } from './caches.ts';
import { publishedRunImage } from './run-image.ts';
import { hasWishes } from './wishes.ts';

/** How pack is to push an image by itself. */
export interface Publishing {
  /** HOST/REPOSITORY:TAG */
  readonly image: string;
  /** Its containers share this machine's network. */
  readonly hostNetwork: boolean;
  readonly options: Pick<PackBuildOptions, 'publish' | 'insecureRegistries' | 'runImage' | 'previousImage'>;
}

/**
 * Begins to look for the run image that pack would read from a registry, which takes longest of what `publishing` has
 * to know. Undefined where pack cannot push anyway.
 */
export function seekRunImage(
  plan: BuildPlan,
  details: BuildpacksPlan,
  docker: Promise<DockerEngine>,
  context: BuildContext,
): Promise<string | undefined> {
  const { publish } = context;
  if (publish === undefined || !makesLayers(details) || hasWishes(details)) return Promise.resolve(undefined);
  const { registry } = parseReference(publish.reference);
  const found = publishedRunImage(plan, details, docker, registry, context);
  // Heard by `publishing`, or not needed any more.
  found.catch(() => {});
  return found;
}

const makesLayers = ({ compression }: BuildpacksPlan): boolean =>
  compression === 'keep' || compression === 'gzip';

/**
 * May pack push by itself, which saves taking the image out of the engine again? Only where that is sure to be what
 * the way through the engine would have given; a note says which way is taken, and why. Undefined: through the engine.
 */
export async function publishing(
  plan: BuildPlan,
  details: BuildpacksPlan,
  trusted: boolean,
  caches: Caches,
  docker: DockerEngine,
  seeking: Promise<string | undefined>,
  context: BuildContext,
): Promise<Publishing | undefined> {
  const { publish, emit } = context;
  if (publish === undefined) return undefined;
  const note = (message: string): void => emit({ type: 'note', step: 'build', message });
  const hindrance = hasWishes(details)
    ? `it gets the processes or the user of ${DOGWOOD_TOML} before anybody sees it`
    : makesLayers(details)
      ? loopbackHindrance(publish, plan, trusted, docker, context)
      : `pack does not make layers with --compression ${details.compression}`;
  const { registry } = parseReference(publish.reference);
  const runImage = hindrance ?? (await seeking);
  if (hindrance !== undefined || runImage === undefined) {
    note(
      `the image goes through the Docker Engine: ${hindrance ?? 'its run image is not for sure in a registry'}`,
    );
    return undefined;
  }
  note(`pack pushes the image to ${publish.reference} by itself`);
  return {
    image: publish.reference,
    hostNetwork: publish.loopback,
    options: {
      publish: true,
      insecureRegistries: publish.insecure ? [registry] : [],
      runImage,
      previousImage: await lastPublished(caches, registry, context),
    },
  };
}

/**
 * Containers reach this machine's loopback in no other network than the machine's own, where they reach everything else
 * that listens there as well. That is for the user to say; and the creator's single container can be found again.
 */
function loopbackHindrance(
  { loopback }: PublishTarget,
  { project }: BuildPlan,
  trusted: boolean,
  docker: DockerEngine,
  { request }: BuildContext,
): string | undefined {
  if (!loopback) return undefined;
  if (!request.allow.includes('host-network')) {
    return 'its registry is on the loopback of this machine, which a build reaches only with --allow host-network';
  }
  if (!docker.sharesLoopback) return 'its registry is not on the machine of the engine';
  const own = trusted && (project?.buildpacks ?? []).length === 0;
  return own
    ? undefined
    : 'the network of this machine is for builders that are trusted, with their own buildpacks';
}

const FACT = 'buildpacks-published';

/**
 * The image of the last build, by digest: its tag may be another, and without it no layer that is launched is restored.
 * Undefined lets the lifecycle look under the tag that it writes to.
 */
async function lastPublished(
  caches: Caches,
  registry: string,
  { facts, request }: BuildContext,
): Promise<string | undefined> {
  if (request.rebuild) return undefined;
  const name = await facts.verdicts.get(FACT, caches.image);
  if (typeof name !== 'string') return undefined;
  return parseReference(name).registry === registry ? name : undefined;
}

/** What pack pushed is the image of the last build from now on. */
export async function rememberPublished(
  { image }: Publishing,
  digest: Digest,
  caches: Caches,
  { facts }: BuildContext,
): Promise<void> {
  const { registry, repository } = parseReference(image);
  await facts.verdicts.put(FACT, caches.image, formatReference({ registry, repository, digest }));
}
