import { type Finding, rejected } from '../../plan/detection.ts';
import type { Project } from '../../plan/project.ts';
import { DOGWOOD_TOML } from '../../plan/project.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { filesOfParts } from '../parts.ts';
import { nameOfSignal, SIGNALS } from './signals.ts';

/**
 * Would buildpacks take this? Their own detection is code that runs in the builder image; this looks at names of files
 * only, so that a plan needs no engine. What the builder then says counts.
 */
export async function detectBuildpacks(
  source: Source,
  _request: BuildRequest,
  context: PlanContext,
): Promise<Finding> {
  const tree = await context.openTree(source);
  if (tree === undefined) return rejected(`${source.name} holds no source files`);
  const project = await context.readProject(source);
  const names = await namesOf(tree);
  const languages = SIGNALS.flatMap((signal) => {
    const name = nameOfSignal(signal, names);
    return name === undefined ? [] : [{ ...signal, name }];
  });
  const known = languages.filter(({ inDefault }) => inDefault);
  const configured = configuration(project, names);
  if (configured !== undefined) {
    return {
      applies: true,
      reason: configured.reason,
      evidence: unique([configured.file, ...languages.map(({ name }) => name)]),
    };
  }
  if (known.length > 0) {
    return {
      applies: true,
      reason: `it looks like ${list(known.map(({ language }) => language))}`,
      evidence: unique(known.map(({ name }) => name)),
    };
  }
  return rejected(...(await explainAbsence(tree, languages, names)));
}

/** Files at the root; a link that leads out of the source is none. */
async function namesOf(tree: Tree): Promise<readonly string[]> {
  const entries = await tree.list('');
  return entries.filter(({ kind }) => kind === 'file').map(({ path }) => path);
}

/** Somebody wrote down which builder or buildpacks to take. */
function configuration(
  project: Project,
  names: readonly string[],
): { readonly reason: string; readonly file: string } | undefined {
  const said = project.builder ?? project.buildpacks[0];
  if (said !== undefined) {
    const what = project.builder === undefined ? 'buildpacks' : 'a builder';
    return { reason: `${said.from} names ${what}`, file: said.from };
  }
  const broken = project.problems.find(({ from, unreadable }) => unreadable && from === 'project.toml');
  if (broken !== undefined)
    return { reason: 'there is a project.toml, which cannot be read', file: broken.from };
  if (names.includes('.buildpacks')) return { reason: '.buildpacks names buildpacks', file: '.buildpacks' };
  return undefined;
}

async function explainAbsence(
  tree: Tree,
  languages: readonly { readonly language: string; readonly name: string }[],
  names: readonly string[],
): Promise<[string, string[]]> {
  if (languages.length > 0) {
    const [found, evidence] = [languages.map(({ language }) => language), languages.map(({ name }) => name)];
    return [
      `it looks like ${list(found)}, which Heroku's builder has no buildpack for; name a builder with --builder or in ${DOGWOOD_TOML}`,
      evidence,
    ];
  }
  if (names.includes('Procfile')) {
    return ['a Procfile says how to run an app, not what it is made of', ['Procfile']];
  }
  const parts = await filesOfParts(tree, isSign);
  if (parts.length > 0) {
    return [
      'no file at the root belongs to a language; the folders of these are projects of their own',
      parts,
    ];
  }
  return ['no file at the root belongs to a language that buildpacks know', []];
}

const isSign = (name: string): boolean =>
  SIGNALS.some((signal) => nameOfSignal(signal, [name]) !== undefined);

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

const unique = (names: readonly string[]): string[] => [...new Set(names)];
