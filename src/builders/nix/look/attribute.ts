import { nixSystem } from '../../../engines/nix/nix.ts';
import { DogwoodError } from '../../../errors.ts';
import type { Platform } from '../../../oci/descriptor.ts';
import type { Tree } from '../../../source/tree.ts';
import type { PlanContext } from '../../builder.ts';
import { NIX_FILES, type NixFile } from '../image/installable.ts';
import { inspectAttribute } from './evaluate.ts';
import type { NixImage } from './image.ts';
import { checkInputs } from './inputs.ts';
import { lookOnce, whyNotEvaluate } from './look.ts';

/** An attribute that was asked for: the file it is of, and what is known of it. */
export interface NamedAttribute {
  readonly file: NixFile;
  /** Undefined where nothing could be found out: building it will tell. */
  readonly image: NixImage | undefined;
}

/**
 * Finds an attribute that was asked for by name, in the first Nix file that has it. Only this one is evaluated. Undefined
 * where the project has no Nix file.
 */
export async function lookAtAttribute(
  tree: Tree,
  attribute: string,
  platform: Platform,
  context: PlanContext,
): Promise<NamedAttribute | undefined> {
  const system = nixSystem(platform);
  if (system === undefined || (await whyNotEvaluate(context)) !== undefined) {
    return await byText(tree, attribute, platform, context);
  }
  let first: NixFile | undefined;
  for (const file of NIX_FILES) {
    if ((await tree.stat(file.path))?.kind !== 'file') continue;
    first ??= file;
    const image = await inFile(tree, file, attribute, system, context);
    if (image === 'failed') return { file, image: undefined };
    if (image !== 'absent') return { file, image };
  }
  return first && { file: first, image: undefined };
}

async function inFile(
  tree: Tree,
  file: NixFile,
  attribute: string,
  system: string,
  context: PlanContext,
): Promise<NixImage | 'absent' | 'failed'> {
  // Nix itself would look below this machine's system, whatever platform was asked for.
  const below = [`packages.${system}.${attribute}`, `dockerImages.${system}.${attribute}`];
  const names = file.flake && !attribute.includes('.') ? [...below, attribute] : [attribute];
  try {
    if (file.flake) await checkInputs(tree, context);
    for (const name of names) {
      const found = await inspectAttribute(tree, file, name, system, context);
      if (found !== 'absent') return found;
    }
    return 'absent';
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof DogwoodError) return 'failed';
    throw error;
  }
}

async function byText(
  tree: Tree,
  name: string,
  platform: Platform,
  context: PlanContext,
): Promise<NamedAttribute | undefined> {
  const looked = await lookOnce(tree, platform, context);
  if (looked === undefined) return undefined;
  const image =
    looked.images.find(({ attribute }) => attribute === name) ??
    looked.images.find(({ attribute }) => attribute?.endsWith(`.${name}`));
  return { file: looked.file, image };
}
