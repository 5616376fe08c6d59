import { DogwoodError } from '../../errors.ts';
import { parseReference } from '../../oci/reference.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { APP_JSON } from '../../plan/files/app-json.ts';
import { PROJECT_TOML } from '../../plan/files/project-toml.ts';
import { requireReadable } from '../../plan/files/read-project.ts';
import type { Project } from '../../plan/project.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import { isImageSource } from '../../source/open-source.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { refuseFlags } from '../refused-flags.ts';
import { DESCRIPTOR, hasIgnoreRules, readDescriptor, SLUG_IGNORE } from './descriptor.ts';
import { refuseForeignBuildpacks } from './locators.ts';
import { builderDigest } from './reference.ts';
import { packVariables } from './variables.ts';
import { wishesOf } from './wishes.ts';

/** Heroku's own: amd64 and arm64, a Procfile is honoured. */
export const DEFAULT_BUILDER = 'heroku/builder:24';

/** What buildpacks will build a source with. Throws USAGE, REFERENCE_INVALID, PLATFORM_NOT_FOUND. */
export async function planBuildpacks(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<BuildPlan> {
  refuseFlags(request, ['--base', '--env', '--builder', '--compression'], 'buildpacks decide for themselves');
  packVariables(request.env);
  const tree = await sourceTree(source, context);
  const project = await context.readProject(source);
  // They say which buildpacks: passed over, another set would build.
  requireReadable(project, [PROJECT_TOML, APP_JSON]);
  const builder = chooseBuilder(request, project);
  const descriptor = await readDescriptor(tree);
  await refuseForeignBuildpacks(project.buildpacks, descriptor, tree);
  const runImage = chooseRunImage(request, project);
  // The network comes last: what is refused is refused at once.
  const digest = await builderDigest(builder.value, request.platform, context);
  const details: BuildpacksPlan = {
    strategy: 'buildpacks',
    builder: { ...builder, digest },
    runImage,
    // Those of project.toml are read by pack itself, along with what else stands there about them.
    buildpacks: project.buildpacks.filter(({ from }) => from !== DESCRIPTOR),
    env: Object.keys(request.env).sort(),
    trustBuilder: request.allow.includes('trust-builder'),
    descriptor: descriptor === undefined ? null : DESCRIPTOR,
    ignoreFile: hasIgnoreRules(descriptor)
      ? DESCRIPTOR
      : (await isFile(tree, SLUG_IGNORE))
        ? SLUG_IGNORE
        : null,
    compression: request.compression,
    ...wishesOf(project),
  };
  return {
    schemaVersion: 1,
    strategy: 'buildpacks',
    platform: request.platform,
    labels: {},
    epoch: request.epoch,
    details,
    project,
  };
}

/** The source as a folder. Throws SOURCE_UNSUPPORTED when it is none. */
export async function sourceTree(source: Source, context: PlanContext): Promise<Tree> {
  const tree = await context.openTree(source);
  if (tree !== undefined) return tree;
  throw new DogwoodError('SOURCE_UNSUPPORTED', `buildpacks build folders, and ${source.name} is none`);
}

function chooseBuilder(request: BuildRequest, project: Project): Sourced<string> {
  if (request.builder !== undefined) return { value: request.builder, from: '--builder' };
  return project.builder ?? { value: DEFAULT_BUILDER, from: 'default' };
}

/** The base of what buildpacks make is the run image; the builder has one of its own. */
function chooseRunImage(request: BuildRequest, project: Project): Sourced<string> | null {
  const base = request.base === undefined ? project.base : { value: request.base, from: '--base' };
  if (base === undefined) return null;
  // pack takes what the Docker Engine holds or a registry has.
  const value = base.value.replace(/^(?:docker:\/\/|docker-daemon:)/, '');
  if (value === 'scratch' || isImageSource(value)) {
    throw new DogwoodError(
      'USAGE',
      `buildpacks run on an image of a registry or of the Docker Engine, which ${base.value} (${base.from}) is not`,
    );
  }
  parseReference(value);
  return { value, from: base.from };
}

const isFile = async (tree: Tree, path: string): Promise<boolean> => (await tree.stat(path))?.kind === 'file';
