import { DogwoodError } from '../../errors.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { NixImagePlan, NixPlan, NixShellPlan } from '../../plan/nix-plan.ts';
import type { Project } from '../../plan/project.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { refuseFlags } from '../refused-flags.ts';
import { NIX_FILES, type NixFile } from './image/installable.ts';
import { nix2containerError } from './image/output.ts';
import { lookAtAttribute, type NamedAttribute } from './look/attribute.ts';
import { chooseImage, type NixImage } from './look/image.ts';
import { type Looked, lookOnce } from './look/look.ts';
import { nixAllowed } from './permissions.ts';
import { planShell } from './shell/plan.ts';

/**
 * What Nix will build. Throws NIX_ATTRIBUTE_AMBIGUOUS, NIX_OUTPUT_UNUSABLE, NIX_SHELL_INVALID, SOURCE_UNSUPPORTED, and
 * USAGE for flags that Nix cannot act on.
 */
export async function planNix(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<BuildPlan> {
  const tree = await context.openTree(source);
  if (tree === undefined) throw noImage(`${source.name} is no source tree`);
  const project = await context.readProject(source);
  const build = await chooseBuild(tree, project, request, context);
  const details: NixPlan = {
    strategy: 'nix',
    build,
    compression: request.compression,
    allowed: nixAllowed(request.allow),
  };
  return {
    schemaVersion: 1,
    strategy: 'nix',
    platform: request.platform,
    labels: request.labels,
    epoch: request.epoch,
    details,
    project,
  };
}

async function chooseBuild(
  tree: Tree,
  project: Project,
  request: BuildRequest,
  context: PlanContext,
): Promise<NixImagePlan | NixShellPlan> {
  if (
    request.nixShell !== undefined ||
    (request.attribute === undefined && project.shellBuild !== undefined)
  ) {
    return await planShell(tree, project, request);
  }
  refuseFlags(request, ['--attr', '--compression'], 'Nix says all of its image itself');
  const asked = askedAttribute(project, request);
  return asked === undefined
    ? found(await lookOnce(tree, request.platform, context))
    : named(await lookAtAttribute(tree, asked.value, request.platform, context), asked);
}

function askedAttribute(project: Project, request: BuildRequest): Sourced<string> | undefined {
  return request.attribute === undefined ? project.attribute : { value: request.attribute, from: '--attr' };
}

/** The image that was found by looking. */
function found(looked: Looked | undefined): NixImagePlan {
  if (looked === undefined) throw noFile();
  const { file } = looked;
  const choice = chooseImage(looked.images);
  if (choice === undefined) {
    const guess = looked.found === 'text' ? ` (a guess by its text: ${looked.instead})` : '';
    throw noImage(`${file.path} has no image of dockerTools${guess}`);
  }
  if (choice.kind === 'several') {
    const names = choice.images.map(({ attribute }) => attribute ?? 'its own value').join(', ');
    throw new DogwoodError('NIX_ATTRIBUTE_AMBIGUOUS', `${file.path} has several images: ${names}`);
  }
  const { attribute } = choice.image;
  return imagePlan(
    file,
    attribute === null ? null : { value: attribute, from: file.path },
    choice.image,
    looked.found,
  );
}

/** The attribute that was asked for: under its full name where it was found, else as it was given. */
function named(known: NamedAttribute | undefined, asked: Sourced<string>): NixImagePlan {
  if (known === undefined) throw noFile();
  const { file, image } = known;
  return imagePlan(file, { value: image?.attribute ?? asked.value, from: asked.from }, image, 'flag');
}

function imagePlan(
  file: NixFile,
  attribute: Sourced<string> | null,
  image: NixImage | undefined,
  how: NixImagePlan['found'],
): NixImagePlan {
  const output = image?.output ?? 'unknown';
  if (output === 'nix2container') throw nix2containerError(attribute?.value ?? file.path);
  return { kind: 'image', file: file.path, flake: file.flake, attribute, output, found: how };
}

function noFile(): DogwoodError {
  return noImage(`there is no ${NIX_FILES.map(({ path }) => path).join(', ')}`);
}

function noImage(why: string): DogwoodError {
  return new DogwoodError('SOURCE_UNSUPPORTED', `Nix has nothing to build: ${why}`);
}
