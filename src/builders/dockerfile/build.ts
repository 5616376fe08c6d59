import { copyFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { DockerfileBuild, DockerfileEngine, EngineDemands } from '../../engines/dockerfile/engine.ts';
import { ingestArchive } from '../../oci/archives/ingest.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { DockerfilePlan } from '../../plan/dockerfile-plan.ts';
import type { BuildRequest } from '../../plan/request.ts';
import { contextSize, contextWarning } from '../../source/ignore/context-size.ts';
import type { BuildContext, Built } from '../builder.ts';
import { rememberedLayers } from '../compressed-layers.ts';
import { chooseEngine } from './choose.ts';
import { contextArchive } from './context-archive.ts';
import { prepareContexts } from './contexts.ts';
import { BUILT_IN, SYNTAX_ARGUMENT, withoutSyntax } from './frontend.ts';
import { hideInFailure, hideSecrets } from './hidden-secrets.ts';
import { originsOf } from './origins.ts';
import { engineEvents } from './progress.ts';
import { type OpenedDockerfile, openDockerfile } from './read.ts';
import { type PreparedSecrets, prepareSecrets, readSecrets } from './secrets.ts';
import { chainOf, lineOf } from './stages.ts';

/** Builds a planned Dockerfile with the engine that is there, straight into the sink. */
export async function buildDockerfile(plan: BuildPlan, context: BuildContext): Promise<Built> {
  const { details } = plan;
  if (details.strategy !== 'dockerfile') {
    throw new Error('the Dockerfile builder was given a plan of another strategy');
  }
  const opened = await openDockerfile(context.source, context.request, context);
  const { request } = context;
  const values = await readSecrets(context);
  const engine = await chooseEngine(request.engine, demandsOf(details, opened, request), context);
  const { dockerfile } = opened;
  const secrets = await prepareSecrets(dockerfile, values, engine.cachesSecretSteps, context);
  const build = await describeBuild(plan, details, opened, secrets, context);
  const say = (message: string) => context.emit({ type: 'note', step: 'build', message });
  say(`with ${engine.description}`);
  const irreproducible = engine.irreproducible(build);
  if (irreproducible !== undefined) say(irreproducible);
  await warnOfSize(opened, context);
  const hide = hideSecrets(values);
  const events = engineEvents(context.emit, secrets.shown, hide);
  const run = {
    variables: context.engines.variables,
    makeFolder: context.makeFolder,
    signal: context.signal,
    onProgress: events,
    lineOf: (step: string) => lineOf(dockerfile, step),
  };
  const { descriptor, from } = await engine
    .build(build, run, (archive) => takeImage(archive, engine, context))
    .catch((error: unknown) => {
      throw hideInFailure(error, hide);
    });
  return {
    descriptor,
    from,
    origins: await originsOf({ descriptor, from }, details, opened, context),
    processes: Object.fromEntries(
      Object.entries(plan.project?.processes ?? {}).map(([name, { value }]) => [name, value]),
    ),
  };
}

/** Sending what nobody needs is the most common reason for a slow build. */
async function warnOfSize({ tree, ignore }: OpenedDockerfile, { emit, signal }: BuildContext): Promise<void> {
  const message = contextWarning(await contextSize(tree, ignore, signal));
  if (message !== undefined) emit({ type: 'warning', code: 'CONTEXT_LARGE', message });
}

function demandsOf(
  { bases }: DockerfilePlan,
  { frontend }: OpenedDockerfile,
  { secrets, ssh, cacheFrom, cacheTo }: BuildRequest,
): EngineDemands {
  return {
    secrets: secrets.map(({ id }) => id),
    contexts: bases.flatMap(({ reference, from }) => (from === null ? [] : [reference])),
    remoteFrontend: frontend !== BUILT_IN,
    ...{ ssh, cacheFrom, cacheTo },
  };
}

async function describeBuild(
  plan: BuildPlan,
  details: DockerfilePlan,
  opened: OpenedDockerfile,
  secrets: PreparedSecrets,
  context: BuildContext,
): Promise<DockerfileBuild> {
  const { request } = context;
  const { tree, dockerfile, file, ignoreFile } = opened;
  const isBuiltIn = opened.frontend === BUILT_IN;
  const text = isBuiltIn ? withoutSyntax(secrets.text, dockerfile.directives) : secrets.text;
  const name = posix.basename(file.value);
  const folder = await context.makeFolder();
  await writeFile(join(folder, name), text);
  const ownIgnore = ignoreFile !== null && ignoreFile !== '.dockerignore';
  if (ownIgnore) await copyFile(join(tree.root, ignoreFile), join(folder, `${name}.dockerignore`));
  const { [SYNTAX_ARGUMENT]: syntax, ...buildArgs } = request.buildArgs;
  return {
    contextFolder: tree.root,
    contextArchive: () => contextArchive(tree, { ignore: opened.ignore, dockerfile: file.value, text }),
    dockerfile: {
      folder,
      name,
      path: file.value,
      ignoreFile: ignoreFile === null ? undefined : join(tree.root, ignoreFile),
    },
    target: details.target?.value,
    buildArgs: isBuiltIn || syntax === undefined ? buildArgs : { ...buildArgs, [SYNTAX_ARGUMENT]: syntax },
    labels: plan.labels,
    platform: formatPlatform(plan.platform),
    epoch: plan.epoch,
    secrets: secrets.secrets,
    ssh: request.ssh,
    cacheFrom: request.cacheFrom,
    cacheTo: request.cacheTo,
    contexts: await prepareContexts(details, context),
    compression: request.compression,
    noCache: request.rebuild,
    remoteFrontend: !isBuiltIn,
    needsDockerConfig: chainOf(opened.stage).some(({ instructions }) =>
      instructions.some(({ keyword }) => /^(?:HEALTHCHECK|SHELL|ONBUILD)$/.test(keyword)),
    ),
    pins: details.bases.flatMap(({ reference, digest, from }) =>
      digest === null || from !== null || reference.includes('@') ? [] : [{ name: reference, digest }],
    ),
  };
}

async function takeImage(archive: Readable, engine: DockerfileEngine, context: BuildContext) {
  const { compression } = context.request;
  let bytes = 0;
  return ingestArchive(archive, context.sink, {
    // What an engine hands out uncompressed it would have compressed for a registry.
    compression: compression === 'keep' && !engine.compresses ? 'gzip' : compression,
    compressed: rememberedLayers(context.facts),
    signal: context.signal,
    onBytes(count) {
      bytes += count;
      context.emit({ type: 'progress', step: 'build', transfer: 'layers', bytes, total: null, done: false });
    },
  });
}
