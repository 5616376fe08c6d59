import { DogwoodError } from '../../errors.ts';
import { parseProcfile } from '../procfile.ts';
import { DOGWOOD_TOML, type Project } from '../project.ts';
import type { BuildRequest } from '../request.ts';
import type { Sourced } from '../sourced.ts';
import { APP_JSON, parseAppJson } from './app-json.ts';
import { parseDogwoodToml } from './dogwood-toml.ts';
import { FLY_TOML, parseFlyToml } from './fly-toml.ts';
import { mergeProjects } from './merge.ts';
import { PROJECT_TOML, parseProjectToml, projectOfDescriptor } from './project-toml.ts';

const PROCFILE = 'Procfile';

/** Files of other tools, the first of them winning. */
const FOREIGN: readonly (readonly [string, (text: string) => Partial<Project>])[] = [
  [PROCFILE, procfile],
  [PROJECT_TOML, (text) => projectOfDescriptor(parseProjectToml(text))],
  [APP_JSON, parseAppJson],
  [FLY_TOML, parseFlyToml],
];

/**
 * What was asked for and what the project's own files say, in the order of precedence: flags, dogwood.toml, other
 * files. A file of another tool that cannot be read becomes a problem of the project, since most builds need none of
 * them; dogwood.toml must be right.
 *
 * @param readText a file below the root as text; undefined when there is none
 * Throws PROJECT_FILE_INVALID, and what `readText` throws for dogwood.toml.
 */
export async function readProjectFiles(
  readText: (path: string) => Promise<string | undefined>,
  request: BuildRequest,
): Promise<Project> {
  const [own, ...foreign] = await Promise.all([
    readText(DOGWOOD_TOML),
    ...FOREIGN.map(([path, parse]) => readForeign(path, parse, readText)),
  ]);
  if (own !== undefined) refuseOtherEncoding(own);
  return mergeProjects([
    projectOfFlags(request),
    ...(own === undefined ? [] : [parseDogwoodToml(own)]),
    ...foreign,
  ]);
}

/** TOML is UTF-8; what is not was replaced, and would be called a wrong value. */
function refuseOtherEncoding(text: string): void {
  const at = text.indexOf('\ufffd');
  if (at < 0) return;
  const line = text.slice(0, at).split('\n').length;
  throw new DogwoodError('PROJECT_FILE_INVALID', `${DOGWOOD_TOML}:${line}: it is not UTF-8`, {
    hint: 'Save the file as UTF-8.',
  });
}

async function readForeign(
  path: string,
  parse: (text: string) => Partial<Project>,
  readText: (path: string) => Promise<string | undefined>,
): Promise<Partial<Project>> {
  try {
    const text = await readText(path);
    return text === undefined ? {} : parse(text);
  } catch (error) {
    if (!(error instanceof DogwoodError) || error.kind.fault !== 'user') throw error;
    return { problems: [{ message: error.message, from: path, unreadable: true }] };
  }
}

function procfile(text: string): Partial<Project> {
  const { processes, warnings } = parseProcfile(text);
  const { release, ...others } = processes;
  return {
    processes: Object.fromEntries(
      Object.entries(others).map(([name, value]) => [name, { value, from: PROCFILE }]),
    ),
    // Heroku: a process type of that name is run once before a release, and never as a process.
    release:
      release === undefined ? undefined : { value: { command: release, timeout: null }, from: PROCFILE },
    problems: warnings.map((message) => ({ message, from: PROCFILE, unreadable: false })),
  };
}

/** Flags that say the same as a line of dogwood.toml. */
function projectOfFlags(request: BuildRequest): Partial<Project> {
  const flag = (value: string | undefined, from: string): Sourced<string> | undefined =>
    value === undefined ? undefined : { value, from };
  return {
    strategy: request.strategy === 'auto' ? undefined : { value: request.strategy, from: '--strategy' },
    file: flag(request.file, '--file'),
    target: flag(request.target, '--target'),
    builder: flag(request.builder, '--builder'),
    base: flag(request.base, '--base'),
    stack: flag(request.stack, '--stack'),
    attribute: flag(request.attribute, '--attr'),
    processes: Object.fromEntries(
      Object.entries(request.processes).map(([name, value]) => [name, { value, from: '--process' }]),
    ),
    env: Object.keys(request.env).map((value) => ({ value, from: '--env' })),
  };
}

/** Throws PROJECT_FILE_INVALID when one of the files that decide here could not be read. */
export function requireReadable(project: Project, files: readonly string[]): void {
  const broken = project.problems.find(({ unreadable, from }) => unreadable && files.includes(from));
  if (broken !== undefined) throw new DogwoodError('PROJECT_FILE_INVALID', broken.message);
}
