import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectDocker, type DockerEngine } from '../../engines/docker.ts';
import { type DockerBuildScope, openDockerBuildScope } from '../../engines/docker-build-scope.ts';
import { createPack, type Pack } from '../../engines/pack.ts';
import type { PackBuildOptions } from '../../engines/pack-arguments.ts';
import type { PackReport } from '../../engines/pack-report.ts';
import { DogwoodError } from '../../errors.ts';
import type { IngestedImage } from '../../oci/archives/ingest-manifest.ts';
import { loadImage } from '../../oci/load.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { BuildContext, Built } from '../builder.ts';
import { type Caches, cachesOf } from './caches.ts';
import { descriptorWithout, readDescriptor, SLUG_IGNORE, slugIgnorePatterns } from './descriptor.ts';
import { buildFailure } from './failure.ts';
import { layerOrigins, sbomLayer } from './metadata.ts';
import { phaseEvents } from './phases.ts';
import { sourceTree } from './plan.ts';
import { pinned, tagged } from './reference.ts';
import { type Taking, takeImage } from './take-image.ts';
import { packVariables, redactor, withVariablesFile } from './variables.ts';

const NEEDS =
  'Buildpacks need the pack CLI (https://buildpacks.io/docs/install-pack) and a Docker Engine; a Dockerfile can also be built by BuildKit or Buildah, and slugs and images need nothing. `build doctor` says what is here.';

/**
 * Runs `pack build` into the Docker Engine, takes the image out of it as a stream, and takes away what was made there
 * but the caches.
 */
export async function buildWithPack(
  plan: BuildPlan,
  details: BuildpacksPlan,
  context: BuildContext,
): Promise<Built> {
  const { engines, signal } = context;
  const host = engines.dockerHost;
  const docker = await needed(() => connectDocker(host, signal));
  const pack = createPack({ variables: packEnvironment(context, docker) });
  const tree = await sourceTree(context.source, context);
  const caches = cachesOf(
    context.request,
    appIdentity(context, tree.root),
    details.builder.value,
    plan.platform,
  );
  const scope = await openDockerBuildScope(host);
  const taking = takeImage(docker, scope.image, details.compression, context);
  try {
    const report = await runPack(pack, scope, caches, taking, plan, details, context);
    const built = await describe(await taking.finish(), report, plan, context);
    await scope.nameImage(scope.image, caches.image);
    await keepBuilder(docker, scope, details, signal);
    return built;
  } finally {
    await taking.giveUp();
    await scope.close();
  }
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

/** What pack is told of our environment: never a variable of the application, never more than engines may see. */
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
  scope: DockerBuildScope,
  caches: Caches,
  taking: Taking,
  plan: BuildPlan,
  details: BuildpacksPlan,
  context: BuildContext,
): Promise<PackReport> {
  const { request, signal, emit } = context;
  const variables = packVariables(request.env);
  const redact = redactor(request.env);
  const options = await packOptions(pack, scope, caches, plan, details, context);
  const phases = phaseEvents(emit, redact);
  const result = await withVariablesFile(variables.inFile, context.temp, (envFile) =>
    needed(() =>
      pack.build(
        scope.image,
        { ...options, env: Object.keys(variables.inProcess), envFile },
        { ...phases.listener, onSaved: taking.begin, signal, values: variables.inProcess },
      ),
    ),
  ).catch((error: unknown) => {
    phases.end('failed');
    throw error;
  });
  phases.end(result.status === 'built' ? 'finished' : 'failed');
  if (result.status === 'failed') throw buildFailure(result, redact);
  return result.report;
}

async function packOptions(
  pack: Pack,
  { network }: DockerBuildScope,
  caches: Caches,
  plan: BuildPlan,
  details: BuildpacksPlan,
  context: BuildContext,
): Promise<PackBuildOptions> {
  const { request, source, signal } = context;
  const tree = await sourceTree(source, context);
  const folder = await context.makeFolder();
  const { value: name, digest } = details.builder;
  return {
    path: tree.root,
    builder: pinned(name, digest),
    trustBuilder: details.trustBuilder || (await isTrusted(pack, name, pinned(name, digest), signal)),
    pullPolicy: 'if-not-present',
    runImage: details.runImage?.value,
    buildpacks: details.buildpacks.map(({ value }) => value),
    descriptor: await ignoringDescriptor(details, folder, context),
    env: [],
    buildCache: caches.build,
    launchCache: caches.launch,
    previousImage: caches.image,
    clearCache: request.rebuild,
    network,
    platform: formatPlatform(plan.platform),
    creationTime: plan.epoch,
    reportFolder: folder,
  };
}

/** A folder of this machine is the app wherever it is called from; what was fetched lies elsewhere each time. */
function appIdentity({ source, request }: BuildContext, root: string): string {
  return source.kind === 'tree' && !/:\/\/|@.*:/.test(request.source) ? root : source.name;
}

/**
 * pack knows whom it trusts by the name as it is written, and would not recognise it with a digest. Its own answer for
 * the name is what counts.
 */
async function isTrusted(pack: Pack, name: string, told: string, signal: AbortSignal): Promise<boolean> {
  if (name === told) return false;
  return (await needed(() => pack.trustedBuilders(signal))).includes(name);
}

/** pack reads project.toml itself; only a .slugignore has to be put into its words. */
async function ignoringDescriptor(
  { ignoreFile }: BuildpacksPlan,
  folder: string,
  context: BuildContext,
): Promise<string | undefined> {
  if (ignoreFile !== SLUG_IGNORE) return undefined;
  const tree = await sourceTree(context.source, context);
  const excluded = slugIgnorePatterns((await tree.readText(SLUG_IGNORE)) ?? '');
  const path = join(folder, 'project.toml');
  await writeFile(path, descriptorWithout(excluded, await readDescriptor(tree), tree.root));
  return path;
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

/** A missing engine is told with what to install, and what works without. */
async function needed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DogwoodError) || error.code !== 'ENGINE_MISSING') throw error;
    throw new DogwoodError('ENGINE_MISSING', error.message, { hint: NEEDS, cause: error });
  }
}
