import { z } from 'zod';
import { classifyNixFailure } from '../../../engines/nix/failure.ts';
import { nixSystem, runNix } from '../../../engines/nix/nix.ts';
import { type NixPermissions, untrustedSettings } from '../../../engines/nix/settings.ts';
import { DogwoodError } from '../../../errors.ts';
import type { BuildPlan } from '../../../plan/build-plan.ts';
import type { NixImagePlan } from '../../../plan/nix-plan.ts';
import type { CompressionChoice } from '../../../plan/request.ts';
import type { Tree } from '../../../source/tree.ts';
import type { BuildContext, Built } from '../../builder.ts';
import { nixError } from '../failure.ts';
import { evaluateImages } from '../look/evaluate.ts';
import { checkInputs } from '../look/inputs.ts';
import { taskReporter } from '../tasks.ts';
import { installable } from './installable.ts';
import { takeOutput } from './output.ts';

/** `nix build --json`. Outputs that are not known beforehand are null (content-addressed derivations). */
const builtOutputs = z.array(
  z.object({ drvPath: z.string().optional(), outputs: z.record(z.string(), z.string().nullable()) }),
);

/**
 * Builds an attribute with Nix and takes in what comes out. Throws NIX_* for what the project or the machine cannot do,
 * and what `ingestArchive` throws.
 */
export async function buildNixImage(
  plan: BuildPlan,
  image: NixImagePlan,
  permissions: NixPermissions,
  compression: CompressionChoice,
  tree: Tree,
  context: BuildContext,
): Promise<Built> {
  const system = systemOf(plan);
  if (image.flake) await checkInputs(tree, context);
  const path = await buildAttribute(image, system, permissions, tree, context);
  return await takeOutput(path, { plan, permissions, compression, what: describe(image) }, context);
}

/** Nix's name for the platform. Throws NIX_PLATFORM_UNAVAILABLE. */
export function systemOf({ platform }: BuildPlan): string {
  const system = nixSystem(platform);
  if (system !== undefined) return system;
  throw new DogwoodError(
    'NIX_PLATFORM_UNAVAILABLE',
    `Nix has no name for ${platform.os}/${platform.architecture}`,
  );
}

function describe({ file, attribute }: NixImagePlan): string {
  return attribute === null ? file : `${attribute.value} of ${file}`;
}

/** Gives the store path of its output. */
async function buildAttribute(
  image: NixImagePlan,
  system: string,
  permissions: NixPermissions,
  tree: Tree,
  context: BuildContext,
): Promise<string> {
  const reporter = taskReporter(context);
  // A link in a private folder keeps a garbage collector away as long as the output is read.
  const link = `${await context.makeFolder()}/result`;
  const file = { path: image.file, flake: image.flake };
  const result = await runNix(
    [
      'build',
      '--json',
      '--show-trace',
      '--out-link',
      link,
      ...installable(tree, file, image.attribute?.value ?? null, system),
      ...untrustedSettings(permissions, true),
    ],
    {
      variables: context.engines.variables,
      signal: context.signal,
      cwd: tree.root,
      onEvent: reporter.onEvent,
    },
  );
  if (result.exitCode !== 0) {
    const failure = classifyNixFailure(result);
    reporter.end(failure.kind === 'build' ? failure.derivation : undefined);
    const around = { tree, context, what: describe(image), lastLines: reporter.lastLines };
    const error = await nixError(result, around);
    throw failure.kind === 'attribute' ? await withNames(error, image, system, tree, context) : error;
  }
  reporter.end();
  const [built] = builtOutputs.parse(JSON.parse(result.stdout));
  const output = built?.outputs.out ?? Object.values(built?.outputs ?? {}).find((path) => path !== null);
  if (output == null) throw new DogwoodError('NIX_OUTPUT_UNUSABLE', `${describe(image)} has no output`);
  if (built?.drvPath !== undefined) reporter.cached(built.drvPath);
  return output;
}

/** The error with the attributes that there are instead. */
async function withNames(
  error: DogwoodError,
  image: NixImagePlan,
  system: string,
  tree: Tree,
  context: BuildContext,
): Promise<DogwoodError> {
  const evaluated = await evaluateImages(tree, { path: image.file, flake: image.flake }, system, context);
  if (!evaluated.ok || evaluated.names.length === 0) return error;
  const names = evaluated.names.slice(0, 20).join(', ');
  return new DogwoodError(error.code, `${error.message}; there is ${names}`, { cause: error });
}
