import { type DockerBuildScope, openDockerBuildScope } from '../../engines/docker/build-scope.ts';
import { connectDocker, type DockerEngine } from '../../engines/docker/engine.ts';
import type { PackBuildOptions } from '../../engines/pack/arguments.ts';
import type { PackPhase } from '../../engines/pack/output.ts';
import { createPack, type Pack } from '../../engines/pack/pack.ts';
import type { PackReport } from '../../engines/pack/report.ts';
import { DogwoodError } from '../../errors.ts';
import { loadImage } from '../../oci/load.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { Tree } from '../../source/tree.ts';
import type { BuildContext, Built } from '../builder.ts';
import { appIdentity, type Caches, cachesOf } from './caches.ts';
import { warnOfSize } from './context.ts';
import { buildFailure } from './failure.ts';
import { layerOrigins, sbomLayer } from './metadata.ts';
import { needed } from './needed.ts';
import { packOptions } from './options.ts';
import { phaseEvents } from './phases.ts';
import { sourceTree } from './plan.ts';
import { type Publishing, publishing, rememberPublished, seekRunImage } from './publish.ts';
import { lookAtPublished, type PublishedImage } from './published-image.ts';
import { pinned, tagged } from './reference.ts';
import { shapeImage } from './shape-image.ts';
import { takeImage } from './take-image.ts';
import { packVariables, redactor, withVariablesFile } from './variables.ts';
import { hasWishes } from './wishes.ts';

/** All that is known when pack can start. */
interface Ready {
  readonly pack: Pack;
  readonly docker: DockerEngine;
  readonly options: Omit<PackBuildOptions, 'env' | 'network'>;
  readonly caches: Caches;
  readonly publish: Publishing | undefined;
}

/**
 * Runs `pack build` into the Docker Engine and takes the image out of it as a stream, or, where that is sure to be the
 * same, lets pack push by itself. What was made in the engine is taken away but for the caches.
 *
 * Throws BUILDPACKS_NOT_DETECTED, BUILDPACK_FAILED, BUILDER_UNUSABLE, LIFECYCLE_FAILED, REGISTRY_*, ENGINE_MISSING, ENGINE_FAILED.
 */
export async function buildWithPack(
  plan: BuildPlan,
  details: BuildpacksPlan,
  context: BuildContext,
): Promise<Built> {
  const tree = await sourceTree(context.source, context);
  const app = appIdentity(context.source, tree);
  const caches = cachesOf(context.request, app, details.builder.value, plan.platform);
  // Two lifecycles that fill the same volumes at once would leave a mixture.
  const held = await context.hold(caches.name, () => {
    const message = 'another build of this app is running: this one waits, for they have the same caches';
    context.emit({ type: 'note', step: 'build', message });
  });
  try {
    return await buildWithCaches(plan, details, tree, caches, context);
  } finally {
    held.release();
  }
}

async function buildWithCaches(
  plan: BuildPlan,
  details: BuildpacksPlan,
  tree: Tree,
  caches: Caches,
  context: BuildContext,
): Promise<Built> {
  const { engines, signal } = context;
  const ready = await prepare(plan, details, tree, caches, context);
  const { docker, publish } = ready;
  const scope = await openDockerBuildScope(engines.dockerHost, {
    hostNetwork: publish?.hostNetwork ?? false,
    signal,
  });
  const build = async (): Promise<Built> => {
    const published = publish && (await publishWithPack(ready, scope, publish, plan, context));
    return published ?? (await buildIntoEngine(ready, scope, plan, details, context));
  };
  try {
    const [built] = await Promise.all([
      build(),
      // What cannot be read here pack cannot read either, and says so.
      warnOfSize(details, tree, context).catch(() => {}),
    ]);
    await keepBuilder(docker, scope, details, signal);
    return built;
  } finally {
    await scope.close();
  }
}

/** Everything that has to be asked before pack starts, at the same time where it can be. */
async function prepare(
  plan: BuildPlan,
  details: BuildpacksPlan,
  tree: Tree,
  caches: Caches,
  context: BuildContext,
): Promise<Ready> {
  const { engines, signal } = context;
  const connecting = needed(() => connectDocker(engines.dockerHost, signal));
  const runImage = seekRunImage(plan, details, connecting, context);
  const docker = await connecting;
  const pack = createPack({ variables: packEnvironment(context, docker) });
  const options = await packOptions(plan, details, tree, caches, pack, context);
  const { trustBuilder } = options;
  const publish = await publishing(plan, details, trustBuilder, caches, docker, runImage, context);
  return { pack, docker, options, caches, publish };
}

async function buildIntoEngine(
  ready: Ready,
  scope: DockerBuildScope,
  plan: BuildPlan,
  details: BuildpacksPlan,
  context: BuildContext,
): Promise<Built> {
  const taking = takeImage(ready.docker, scope.image, details.compression, context);
  try {
    const { pack, options } = ready;
    const { report, failure } = await runPack(pack, scope.image, options, scope, taking.begin, context);
    if (failure) throw failure.error;
    const { descriptor, from } = await taking.finish();
    const image = await loadImage(from, descriptor, { platform: plan.platform, signal: context.signal });
    const built = describe({ image, from }, report, context);
    await scope.nameImage(scope.image, ready.caches.image);
    return hasWishes(details)
      ? { ...built, ...(await shapeImage({ image, from }, details, context)) }
      : built;
  } finally {
    await taking.giveUp();
  }
}

/** Undefined when containers do not reach the registry, which the first phase finds out before anything is built. */
async function publishWithPack(
  { pack, options, caches }: Ready,
  scope: DockerBuildScope,
  publish: Publishing,
  plan: BuildPlan,
  context: BuildContext,
): Promise<Built | undefined> {
  const look = lookAtPublished(plan, context);
  const told = { ...options, ...publish.options };
  const { report, failure } = await runPack(pack, publish.image, told, scope, look.begin, context);
  if (failure) {
    const { error, phase } = failure;
    const unreached = error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_TLS';
    if (phase !== 'analyze' || !unreached || publish.hostNetwork) throw error;
    const message = `the image goes through the Docker Engine: its containers do not reach the registry (${error.code})`;
    context.emit({ type: 'note', step: 'build', message });
    return undefined;
  }
  // Nothing of it is in the engine: what pack needed there can go while we look.
  void scope.close();
  const published = await look.finish(report);
  await rememberPublished(publish, published.image.descriptor.digest, caches, context);
  return { ...describe(published, report, context), published: true };
}

/** What pack is told of our environment: never more than engines may see. */
function packEnvironment(
  { engines, request }: BuildContext,
  { address }: DockerEngine,
): Record<string, string> {
  const { DOCKER_CONTEXT: _, ...variables } = engines.variables;
  return {
    ...variables,
    // Said outright: a context in Docker's config would lead pack to another engine than us.
    DOCKER_HOST: engines.dockerHost ?? address,
    DOCKER_CONFIG: engines.dockerConfig,
    // Without it pack writes a file in the user's home with a key for every image it builds.
    PACK_VOLUME_KEY: `dogwood-${request.tenant}`,
  };
}

/** A build that failed is not thrown yet: another way may be open. */
type Outcome =
  | { readonly report: PackReport; readonly failure?: undefined }
  | {
      readonly report?: undefined;
      readonly failure: { readonly error: DogwoodError; readonly phase: PackPhase | undefined };
    };

async function runPack(
  pack: Pack,
  image: string,
  options: Omit<PackBuildOptions, 'env' | 'network'>,
  { network, marker }: DockerBuildScope,
  onSaved: (digest: string) => void,
  { request, temp, signal, emit }: BuildContext,
): Promise<Outcome> {
  const { inProcess, inFile } = packVariables(request.env);
  const redact = redactor(request.env);
  const phases = phaseEvents(emit, redact);
  try {
    const result = await withVariablesFile(inFile, temp, (envFile) =>
      needed(() =>
        pack.build(
          image,
          {
            ...options,
            network,
            volumes: marker === undefined ? [] : [marker],
            env: Object.keys(inProcess),
            envFile,
          },
          { ...phases.listener, onSaved, signal, values: inProcess },
        ),
      ),
    );
    if (result.status === 'failed') {
      phases.end('failed');
      const error = buildFailure(result, redact, options.publish === true);
      return { failure: { error, phase: result.phase } };
    }
    phases.end('finished');
    return { report: result.report };
  } catch (error) {
    phases.end('failed');
    throw error;
  }
}

/** What was built, held against what pack says of it. */
function describe(
  { image, from }: PublishedImage,
  report: PackReport,
  { emit }: Pick<BuildContext, 'emit'>,
): Built {
  const id = image.manifest.config.digest;
  if (report.imageId !== undefined && report.imageId !== id) {
    throw new DogwoodError('ENGINE_FAILED', `pack built ${report.imageId}, the Docker Engine gave ${id}`);
  }
  const sbom = sbomLayer(image);
  if (sbom !== undefined) {
    emit({ type: 'note', step: 'build', message: `the buildpacks' bill of materials is the layer ${sbom}` });
  }
  const processes = readImageProcesses(image.config).commands;
  return { descriptor: image.descriptor, from, origins: layerOrigins(image), processes };
}

/** An engine that pulled the builder by its digest knows it by nothing else; the next build may be without network. */
async function keepBuilder(
  docker: DockerEngine,
  scope: DockerBuildScope,
  { builder }: BuildpacksPlan,
  signal: AbortSignal,
): Promise<void> {
  const name = tagged(builder.value);
  if (builder.digest === null || name === undefined) return;
  if ((await docker.imageId(name, signal)) !== undefined) return;
  await scope.nameImage(pinned(builder.value, builder.digest), name);
}
