import { type Finding, rejected } from '../../plan/detection.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { NIX_FILES } from './image/installable.ts';
import { chooseImage } from './look/image.ts';
import { type Looked, lookOnce } from './look/look.ts';
import { findShell } from './shell/file.ts';

/** Does the project have an image that Nix builds, or a build command that runs in its nix-shell? */
export async function detectNix(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<Finding> {
  const tree = await context.openTree(source);
  if (tree === undefined) return rejected('it is no source tree');
  const project = await context.readProject(source);
  if (request.nixShell !== undefined) {
    return applies(`its build command runs in the shell of ${request.nixShell} (--nix-shell)`, [
      request.nixShell,
    ]);
  }
  if (request.attribute !== undefined) return await asked(tree, request.attribute, '--attr');
  if (project.shellBuild !== undefined) {
    const { value, from } = project.shellBuild;
    const shell = await findShell(tree, value.shell);
    if (shell === undefined)
      return rejected(`${from} has a build command, but there is no shell.nix or flake.nix`);
    return applies(`the build command of ${from} runs in the nix-shell of ${shell.path}`, [from, shell.path]);
  }
  if (project.attribute !== undefined)
    return await asked(tree, project.attribute.value, project.attribute.from);
  const looked = await lookOnce(tree, request.platform, context);
  if (looked === undefined) return rejected(`there is no ${NIX_FILES.map(({ path }) => path).join(', ')}`);
  return finding(looked);
}

function finding(looked: Looked): Finding {
  const { file, found, instead, files } = looked;
  const guess = found === 'text' ? ` (a guess by its text: ${instead})` : '';
  const choice = chooseImage(looked.images);
  if (choice === undefined) {
    return { applies: false, reason: `${file.path} has no image of dockerTools${guess}`, evidence: files };
  }
  if (choice.kind === 'several') {
    const names = choice.images.map(({ attribute }) => attribute ?? 'its own value').join(', ');
    return applies(`${file.path} has several images, of which --attr names one: ${names}${guess}`, files);
  }
  const { attribute, output } = choice.image;
  const what = attribute ?? 'its own value';
  if (output === 'nix2container') {
    return applies(
      `${what} of ${file.path} is an image of nix2container, which writes no archive${guess}`,
      files,
    );
  }
  return applies(`${what} of ${file.path} is an image of dockerTools: ${choice.why}${guess}`, files);
}

async function asked(tree: Tree, attribute: string, from: string): Promise<Finding> {
  const file = await firstNixFile(tree);
  if (file === undefined) {
    return rejected(
      `${from} names an attribute, but there is no ${NIX_FILES.map(({ path }) => path).join(', ')}`,
    );
  }
  return applies(`${from} names the attribute ${attribute} of ${file}`, [file]);
}

async function firstNixFile(tree: Tree): Promise<string | undefined> {
  for (const { path } of NIX_FILES) if ((await tree.stat(path))?.kind === 'file') return path;
  return undefined;
}

const applies = (reason: string, evidence: readonly string[]): Finding => ({
  applies: true,
  reason,
  evidence,
});
