import { DogwoodError } from '../../errors.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Directives } from './directives.ts';

/** What the plan calls the frontend that the engine has in it. */
export const BUILT_IN = 'builtin';
/** The build argument that chooses a frontend, whatever the file says. */
export const SYNTAX_ARGUMENT = 'BUILDKIT_SYNTAX';

// Docker's own frontend under all its names, tags and digests: what it reads, an engine's built-in one reads, too.
const OWN =
  /^(?:docker\.io\/|index\.docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$|^dockerfile\.v0$/;

/**
 * What reads the file: an image that a `# syntax=` line names is a program from anywhere, which the engine would
 * fetch and run. Docker's own is taken as the engine's built-in one; another one throws FRONTEND_REFUSED unless
 * `--allow remote-frontend` was given.
 */
export function chooseFrontend(directives: Directives, request: BuildRequest): string {
  const argument = request.buildArgs[SYNTAX_ARGUMENT];
  const asked = (argument ?? directives.syntax)?.trim().split(/\s+/)[0];
  if (asked === undefined || asked === '' || OWN.test(asked)) return BUILT_IN;
  if (request.allow.includes('remote-frontend')) return asked;
  const where = argument === undefined ? 'its syntax line' : `--build-arg ${SYNTAX_ARGUMENT}`;
  throw new DogwoodError(
    'FRONTEND_REFUSED',
    `the Dockerfile would be read by a program from elsewhere, which ${where} names: ${asked.slice(0, 160)}`,
  );
}

/**
 * The file without its syntax line, so that no engine fetches a frontend. The other directives move up (they must
 * stand first) and every line keeps its number.
 */
export function withoutSyntax(text: string, { lines, syntaxLine }: Directives): string {
  if (syntaxLine === undefined) return text;
  const all = text.split('\n');
  const others = lines.filter((line) => line !== syntaxLine).map((line) => all[line] ?? '');
  const bom = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const head = [...others.map((line) => line.replace(/^\uFEFF/, '')), '#'];
  return bom + [...head, ...all.slice(lines.length)].join('\n');
}
