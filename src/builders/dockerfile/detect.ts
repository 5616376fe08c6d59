import { type Finding, rejected } from '../../plan/detection.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import type { Source } from '../../source/source.ts';
import type { Tree, TreeEntry } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { filesOfParts } from '../parts.ts';

/** Names that are looked for at the root, in this order: BuildKit's two, then Buildah's. */
export const DOCKERFILE_NAMES = ['Dockerfile', 'dockerfile', 'Containerfile'] as const;

/** How many files that are passed over are named. */
const SHOWN = 5;
/** Is there a Dockerfile? Looks at names and at whether the file says anything; runs nothing. */
export async function detectDockerfile(
  source: Source,
  _request: BuildRequest,
  context: PlanContext,
): Promise<Finding> {
  const tree = await context.openTree(source);
  if (tree === undefined) return rejected(`${source.name} holds no source files`);
  const { file: named } = await context.readProject(source);
  if (named !== undefined) return detectNamed(tree, named);
  const entries = await tree.list('');
  const problems: Problem[] = [];
  for (const name of DOCKERFILE_NAMES) {
    const entry = entries.find(({ path }) => path === name);
    if (entry === undefined) continue;
    const problem = await problemOf(tree, entry);
    if (problem === undefined) {
      return { applies: true, reason: `there is a ${name}`, evidence: [name] };
    }
    problems.push({ path: name, text: problem });
  }
  if (problems.length > 0) {
    return rejected(
      problems.map(({ path, text }) => `${path} ${text}`).join(', '),
      problems.map(({ path }) => path),
    );
  }
  return rejected(...(await explainAbsence(tree, entries)));
}

/** The Dockerfile at the root that counts, by the same rules as detection; undefined when there is none. */
export async function findDockerfile(tree: Tree): Promise<string | undefined> {
  const entries = await tree.list('');
  for (const name of DOCKERFILE_NAMES) {
    const entry = entries.find(({ path }) => path === name);
    if (entry !== undefined && (await problemOf(tree, entry)) === undefined) return name;
  }
  return undefined;
}

interface Problem {
  readonly path: string;
  readonly text: string;
}

/** Whoever names a file means it: that it cannot be built from is the plan's to say. */
async function detectNamed(tree: Tree, { value, from }: Sourced<string>): Promise<Finding> {
  const entry = await tree.stat(value);
  const problem = entry === undefined ? 'is not there' : await problemOf(tree, entry);
  const reason = `${from} names ${value}${problem === undefined ? '' : `, which ${problem}`}`;
  // A line of another tool's file that leads nowhere decides nothing.
  const decides = problem === undefined || from === 'dogwood.toml' || from.startsWith('--');
  return { applies: decides, reason, evidence: [value] };
}

/** Why this is no file to build from; undefined when it may be one. What is wrong inside is the engine's to say. */
async function problemOf(tree: Tree, entry: TreeEntry): Promise<string | undefined> {
  if (entry.kind === 'link') return 'is a link that leads out of the source or nowhere';
  if (entry.kind !== 'file') return entry.kind === 'folder' ? 'is a folder' : 'is no file';
  const text = await tree.readText(entry.path);
  const says = text?.split('\n').some((line) => !/^\s*(?:#|$)/.test(line.replace(/^\uFEFF/, '')));
  return says ? undefined : 'is empty';
}

/** What comes close to a Dockerfile: other spellings, files for other purposes, those of parts of a mono-repo. */
async function explainAbsence(tree: Tree, entries: readonly TreeEntry[]): Promise<[string, string[]]> {
  const names = entries.filter(({ kind }) => kind === 'file').map(({ path }) => path);
  const spelled = names.filter((name) => /^(?:docker|container)file$/i.test(name));
  if (spelled.length > 0) {
    return [
      `${spelled.join(', ')} is not read: it is written Dockerfile, dockerfile or Containerfile`,
      spelled,
    ];
  }
  const others = names.filter((name) =>
    /^(?:docker|container)file[.-]|\.(?:docker|container)file$/i.test(name),
  );
  const variants = others.filter((name) => !name.endsWith('.dockerignore'));
  if (variants.length > 0) return ['there is no Dockerfile; --file names another', variants.slice(0, SHOWN)];
  const strays = await filesOfParts(tree, (name) => DOCKERFILE_NAMES.some((each) => each === name));
  if (strays.length > 0) {
    return ['there is no Dockerfile at the root; --file names one of a subfolder', strays];
  }
  const compose = names.filter((name) => /^(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml$/.test(name));
  if (compose.length > 0) return ['there is no Dockerfile; a Compose file is not built', compose];
  return ['there is no Dockerfile', []];
}
