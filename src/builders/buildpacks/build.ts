import { type DockerBuildScope, openDockerBuildScope } from '../../engines/docker/build-scope.ts';
import { connectDocker, type DockerEngine } from '../../engines/docker/engine.ts';
import type { PackBuildOptions } from '../../engines/pack/arguments.ts';
import { createPack, type Pack } from '../../engines/pack/pack.ts';
import type { PackReport } from '../../engines/pack/report.ts';
import { DogwoodError } from '../../errors.ts';
import type { IngestedImage } from '../../oci/archives/ingest-manifest.ts';
import { loadImage } from '../../oci/load.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { BuildContext, Built } from '../builder.ts';
import { appIdentity, cachesOf } from './caches.ts';
import { warnOfSize } from './context.ts';
import { buildFailure } from './failure.ts';
import { layerOrigins, sbomLayer } from './metadata.ts';
import { needed } from './needed.ts';
import { packOptions } from './options.ts';
import { phaseEvents } from './phases.ts';
import { sourceTree } from './plan.ts';
import { pinned, tagged } from './reference.ts';
import { type Taking, takeImage } from './take-image.ts';
import { packVariables, redactor, withVariablesFile } from './variables.ts';

/**
 * Runs `pack build` into the Docker Engine, takes the image out of it as a stream, and takes away what was made there
 * but the caches.
 *
 * Throws BUILDPACKS_NOT_DETECTED, BUILDPACK_FAILED, BUILDER_UNUSABLE, LIFECYCLE_FAILED, ENGINE_MISSING, ENGINE_FAILED.
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
  const scope = await openDockerBuildScope(engines.dockerHost);
  const taking = takeImage(docker, scope.image, details.compression, context);
  try {
    const [report] = await Promise.all([
      runPack(pack, options, scope, taking, context),
      // What cannot be read here pack cannot read either, and says so.
      warnOfSize(details, tree, context).catch(() => {}),
    ]);
    const built = await describe(await taking.finish(), report, plan, context);
    await scope.nameImage(scope.image, caches.image);
    await keepBuilder(docker, scope, details, signal);
    return built;
  } finally {
    await taking.giveUp();
    await scope.close();
  }
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

async function runPack(
  pack: Pack,
  options: Omit<PackBuildOptions, 'env' | 'network'>,
  { image, network }: DockerBuildScope,
  taking: Taking,
  { request, temp, signal, emit }: BuildContext,
): Promise<PackReport> {
  const { inProcess, inFile } = packVariables(request.env);
  const redact = redactor(request.env);
  const phases = phaseEvents(emit, redact);
  try {
    const result = await withVariablesFile(inFile, temp, (envFile) =>
      needed(() =>
        pack.build(
          image,
          { ...options, network, env: Object.keys(inProcess), envFile },
          { ...phases.listener, onSaved: taking.begin, signal, values: inProcess },
        ),
      ),
    );
    if (result.status === 'failed') throw buildFailure(result, redact);
    phases.end('finished');
    return result.report;
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
