import { posix } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import type { Project } from '../../plan/project.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { findDockerfile } from './detect.ts';
import { chooseFrontend } from './frontend.ts';
import { checkRequired } from './secrets.ts';
import { type Dockerfile, findStage, readDockerfile, type Stage } from './stages.ts';

/** A source's Dockerfile, read and found to be one that can be built. */
export interface OpenedDockerfile {
  readonly tree: Tree;
  readonly project: Project;
  /** Path below the root. */
  readonly file: Sourced<string>;
  readonly dockerfile: Dockerfile;
  readonly target: Sourced<string> | null;
  readonly stage: Stage;
  readonly frontend: string;
  /** Path below the root of the ignore file that counts (BuildKit: the Dockerfile's own, else the root's). */
  readonly ignoreFile: string | null;
}

/**
 * Opens the Dockerfile that was asked for, that the project's files name, or that lies at the root.
 *
 * Throws SOURCE_UNSUPPORTED, SOURCE_NOT_FOUND, DOCKERFILE_INVALID, TARGET_NOT_FOUND, FRONTEND_REFUSED, SECRET_MISSING.
 */
export async function openDockerfile(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<OpenedDockerfile> {
  const tree = await context.openTree(source);
  if (tree === undefined) {
    throw new DogwoodError('SOURCE_UNSUPPORTED', `${source.name} is no folder with a Dockerfile in it`);
  }
  const project = await context.readProject(source);
  const file = await chooseFile(tree, project);
  const text = await tree.readText(file.value);
  if (text === undefined) {
    throw new DogwoodError('SOURCE_NOT_FOUND', `there is no file ${file.value} in ${source.name}`, {
      hint: 'The path of the Dockerfile is below the source.',
    });
  }
  const dockerfile = readDockerfile(text, request.buildArgs, request.platform);
  const frontend = chooseFrontend(dockerfile.directives, request);
  checkRequired(dockerfile, request.secrets);
  const target = project.target ?? null;
  const stage = findStage(dockerfile, target?.value);
  if (stage === undefined) throw noStage(target?.value ?? '', dockerfile);
  return {
    ...{ tree, project, file, dockerfile, target, stage, frontend },
    ignoreFile: await findIgnoreFile(tree, file.value),
  };
}

async function chooseFile(tree: Tree, { file }: Project): Promise<Sourced<string>> {
  if (file !== undefined) return { ...file, value: posix.normalize(file.value) };
  const found = await findDockerfile(tree);
  if (found !== undefined) return { value: found, from: 'its name' };
  throw new DogwoodError('SOURCE_NOT_FOUND', `there is no Dockerfile in ${tree.name}`, {
    hint: 'It is called Dockerfile, dockerfile or Containerfile; --file names another.',
  });
}

function noStage(target: string, { stages }: Dockerfile): DogwoodError {
  const names = stages.map(({ name, index }) => name ?? String(index));
  return new DogwoodError(
    'TARGET_NOT_FOUND',
    `the Dockerfile has no stage ${JSON.stringify(target.slice(0, 80))}; it has ${names.join(', ')}`,
  );
}

async function findIgnoreFile(tree: Tree, file: string): Promise<string | null> {
  for (const path of [`${file}.dockerignore`, '.dockerignore']) {
    if ((await tree.stat(path))?.kind === 'file') return path;
  }
  return null;
}
