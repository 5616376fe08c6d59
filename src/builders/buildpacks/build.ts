import { type DockerBuildScope, openDockerBuildScope } from '../../engines/docker/build-scope.ts';
import { connectDocker, type DockerEngine } from '../../engines/docker/engine.ts';
import type { PackBuildOptions } from '../../engines/pack/arguments.ts';
import type { PackPhase } from '../../engines/pack/output.ts';
import { createPack, type Pack } from '../../engines/pack/pack.ts';
import type { PackReport } from '../../engines/pack/report.ts';
import { DogwoodError } from '../../errors.ts';
import type { IngestedImage } from '../../oci/archives/ingest-manifest.ts';
import { loadImage } from '../../oci/load.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { BuildContext, Built } from '../builder.ts';
import { appIdentity, type Caches, cachesOf } from './caches.ts';
import { warnOfSize } from './context.ts';
import { buildFailure } from './failure.ts';
import { layerOrigins, sbomLayer } from './metadata.ts';
import { needed } from './needed.ts';
import { packOptions } from './options.ts';
import { phaseEvents } from './phases.ts';
import { sourceTree } from './plan.ts';
import { type Publishing, publishing, takePublished } from './publish.ts';
import { pinned, tagged } from './reference.ts';
import { type Taking, takeImage } from './take-image.ts';
import { packVariables, redactor, withVariablesFile } from './variables.ts';

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
  const { engines, request, signal } = context;
  const docker = await needed(() => connectDocker(engines.dockerHost, signal));
  const pack = createPack({ variables: packEnvironment(context, docker) });
  const tree = await sourceTree(context.source, context);
  const app = appIdentity(context.source, tree);
  const caches = cachesOf(request, app, details.builder.value, plan.platform);
  const options = await packOptions(plan, details, tree, caches, pack, context);
  const publish = await publishing(plan, details, options.trustBuilder, caches, docker, context);
  const scope = await openDockerBuildScope(engines.dockerHost, {
    hostNetwork: publish?.hostNetwork ?? false,
  });
  const build = async (): Promise<Built> => {
    const published =
      publish && (await publishWithPack(pack, options, scope, publish, plan, caches, context));
    if (published) return published;
    const taking = takeImage(docker, scope.image, details.compression, context);
    const built = await buildIntoEngine(pack, options, scope, taking, plan, context);
    await scope.nameImage(scope.image, caches.image);
    return built;
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

async function buildIntoEngine(
  pack: Pack,
  options: Omit<PackBuildOptions, 'env' | 'network'>,
  scope: DockerBuildScope,
  taking: Taking,
  plan: BuildPlan,
  context: BuildContext,
): Promise<Built> {
  try {
    const { report, failure } = await runPack(pack, scope.image, options, scope, taking.begin, context);
    if (failure) throw failure.error;
    return await describe(await taking.finish(), report, plan, context);
  } finally {
    await taking.giveUp();
  }
}

/** Undefined when containers do not reach the registry, which the first phase finds out before anything is built. */
async function publishWithPack(
  pack: Pack,
  options: Omit<PackBuildOptions, 'env' | 'network'>,
  scope: DockerBuildScope,
  publish: Publishing,
  plan: BuildPlan,
  caches: Caches,
  context: BuildContext,
): Promise<Built | undefined> {
  const told = { ...options, ...publish.options };
  const { report, failure } = await runPack(pack, publish.image, told, scope, undefined, context);
  if (failure) {
    const { error, phase } = failure;
    const unreached = error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_TLS';
    if (phase !== 'analyze' || !unreached || publish.hostNetwork) throw error;
    const message = `the image goes through the Docker Engine: its containers do not reach the registry (${error.code})`;
    context.emit({ type: 'note', step: 'build', message });
    return undefined;
  }
  const image = await takePublished(publish, report, caches, context);
  return { ...(await describe(image, report, plan, context)), published: true };
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
  onSaved: (() => void) | undefined,
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

/** What came out of the engine, held against what pack says of it. */
async function describe(
  { descriptor, from }: IngestedImage,
  report: PackReport,
  plan: BuildPlan,
  { emit, signal }: BuildContext,
): Promise<Built> {
  const image = await loadImage(from, descriptor, { platform: plan.platform, signal });
  const id = image.manifest.config.digest;
  if (report.imageId !== undefined && report.imageId !== id) {
    throw new DogwoodError('ENGINE_FAILED', `pack built ${report.imageId}, the Docker Engine gave ${id}`);
  }
  const sbom = sbomLayer(image);
  if (sbom !== undefined) {
    emit({ type: 'note', step: 'build', message: `the buildpacks' bill of materials is the layer ${sbom}` });
  }
  const processes = readImageProcesses(image.config).commands;
  return { descriptor, from, origins: layerOrigins(image), processes };
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
