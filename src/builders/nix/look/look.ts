import { classifyNixFailure } from '../../../engines/nix/failure.ts';
import { findNix, nixSystem } from '../../../engines/nix/nix.ts';
import { DogwoodError } from '../../../errors.ts';
import type { Platform } from '../../../oci/descriptor.ts';
import { formatPlatform } from '../../../oci/platform.ts';
import type { Tree } from '../../../source/tree.ts';
import type { PlanContext } from '../../builder.ts';
import { NIX_FILES, type NixFile } from '../image/installable.ts';
import { evaluateImages } from './evaluate.ts';
import type { NixImage } from './image.ts';
import { checkInputs } from './inputs.ts';
import { readImagesFromText } from './read-text.ts';

/** What was found out about a project's Nix images. */
export interface Looked {
  readonly file: NixFile;
  readonly images: readonly NixImage[];
  readonly found: 'evaluation' | 'text';
  /** Why it was not evaluated; null when it was. */
  readonly instead: string | null;
  /** The files that were looked at. */
  readonly files: readonly string[];
}

/**
 * `lookForImages`, once a run: detecting and planning ask the same, and an evaluation takes seconds. At a glance nothing
 * is evaluated.
 */
export function lookOnce(tree: Tree, platform: Platform, context: PlanContext): Promise<Looked | undefined> {
  if (context.glance) return lookForImages(tree, platform, context);
  return context.once(`Nix images of ${tree.root} for ${formatPlatform(platform)}`, () =>
    lookForImages(tree, platform, context),
  );
}

/**
 * Looks for images in the Nix files of a project: the first file that has some, else the first file there is.
 * Undefined where there is no Nix file. By evaluation where Nix is there, else by the text.
 */
async function lookForImages(
  tree: Tree,
  platform: Platform,
  context: PlanContext,
): Promise<Looked | undefined> {
  const system = nixSystem(platform);
  if (system === undefined) return undefined;
  const instead = await whyNotEvaluate(context);
  let first: Looked | undefined;
  for (const file of NIX_FILES) {
    if ((await tree.stat(file.path))?.kind !== 'file') continue;
    const looked = await lookAt(tree, file, system, instead, context);
    if (looked.images.length > 0) return looked;
    first ??= looked;
  }
  return first;
}

/** Why a project's files are read and not evaluated; undefined where they can be. */
export async function whyNotEvaluate(context: PlanContext): Promise<string | undefined> {
  if (context.glance) return 'it was only glanced at';
  const version = await findNix(context.engines.variables, context.signal);
  return version === undefined ? 'Nix is not installed here' : undefined;
}

async function lookAt(
  tree: Tree,
  file: NixFile,
  system: string,
  instead: string | undefined,
  context: PlanContext,
): Promise<Looked> {
  const evaluated = instead ?? (await tryEvaluation(tree, file, system, context));
  if (typeof evaluated !== 'string') {
    return { file, images: evaluated, found: 'evaluation', instead: null, files: [file.path] };
  }
  const read = await readImagesFromText(tree, file, system);
  return {
    file,
    images: read?.images ?? [],
    found: 'text',
    instead: evaluated,
    files: read?.files ?? [file.path],
  };
}

/** The images, or why evaluating could not tell. What is wrong with the project is told when it is built. */
async function tryEvaluation(
  tree: Tree,
  file: NixFile,
  system: string,
  context: PlanContext,
): Promise<readonly NixImage[] | string> {
  try {
    if (file.flake) await checkInputs(tree, context);
    const evaluated = await evaluateImages(tree, file, system, context);
    if (evaluated.ok) return evaluated.images;
    return `it cannot be evaluated: ${firstLine(classifyNixFailure(evaluated.result).message)}`;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof DogwoodError)) throw error;
    if (error.code === 'TIMEOUT') return 'evaluating it takes too long';
    return error.message;
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
