import { readClass } from './dockerignore.ts';
import { compileGlob, type GlobToken } from './glob.ts';
import { type Ignore, type IgnorePattern, lastMatchWins } from './ignore.ts';

export interface GitignoreOptions {
  /** Is `!` an exception? In a .slugignore it is not, and such lines mean nothing. */
  readonly exceptions: boolean;
}

/**
 * Patterns as in .gitignore (gitignore(5)): one without a slash, but for one at its end, fits in every folder, others
 * hang on the root; `/` at the end means folders only; what lies in a folder that fits is left out with it; the last
 * pattern that fits counts. Other than in Git, and as pack does it, `!` also takes back what lies in such a folder.
 */
export function gitignore(lines: readonly string[], options: GitignoreOptions): Ignore {
  return lastMatchWins(lines.flatMap((line) => readLine(line, options)));
}

/** What `include` of a project descriptor leaves: everything but what fits, and the folders on the way. */
export function onlyIncluded(lines: readonly string[]): Ignore {
  const included = gitignore(lines, { exceptions: true });
  return {
    step(path, isFolder, parent) {
      const { ignored, matched } = included.step(path, isFolder, parent);
      // Turned around: what the patterns would leave out is what stays.
      return { ignored: !ignored, prune: false, matched };
    },
  };
}

/** `.slugignore` of Heroku: patterns as in .gitignore, without exceptions. */
export function parseSlugignore(text: string): Ignore {
  return gitignore(text.replace(/^\uFEFF/, '').split(/\r?\n/), { exceptions: false });
}

function readLine(line: string, { exceptions }: GitignoreOptions): readonly IgnorePattern[] {
  // Spaces at the end count only behind a backslash.
  const trimmed = line.replace(/\r$/, '').replace(/(?<!\\)[ \t]+$/, '');
  if (trimmed === '' || trimmed.startsWith('#')) return [];
  const negated = trimmed.startsWith('!');
  if (negated && !exceptions) return [];
  const rest = negated ? trimmed.slice(1) : trimmed;
  const foldersOnly = rest.endsWith('/');
  const path = foldersOnly ? rest.slice(0, -1) : rest;
  const hangsOnRoot = path.includes('/');
  const tokens = tokenize(path.replace(/^\//, ''));
  if (tokens === undefined || path === '') return [];
  const matches = compileGlob(hangsOnRoot ? tokens : [{ kind: 'folders' }, ...tokens]);
  return [{ negated, matches: (each, isFolder) => (isFolder || !foldersOnly) && matches(each) }];
}

/** The tokens of a pattern; undefined for one that can fit nothing, such as an open bracket. */
function tokenize(pattern: string): readonly GlobToken[] | undefined {
  const tokens: GlobToken[] = [];
  const segments = pattern.split('/');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '**') {
      tokens.push({ kind: isLast ? 'rest' : 'folders' });
      continue;
    }
    const found = tokenizeSegment(segment);
    if (found === undefined) return undefined;
    tokens.push(...found);
    if (!isLast) tokens.push({ kind: 'text', text: '/' });
  }
  return tokens;
}

function tokenizeSegment(segment: string): readonly GlobToken[] | undefined {
  const tokens: GlobToken[] = [];
  const characters = [...segment];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? '';
    if (character === '*') {
      while (characters[index + 1] === '*') index++;
      tokens.push({ kind: 'star' });
    } else if (character === '?') tokens.push({ kind: 'one' });
    else if (character === '[') {
      const bang = characters[index + 1] === '!';
      const found = readClass(bang ? characters.with(index + 1, '^') : characters, index);
      if (found === undefined) return undefined;
      tokens.push({ ...found.token, slash: false });
      index = found.end;
    } else if (character === '\\') {
      const escaped = characters[++index];
      if (escaped === undefined) return undefined;
      tokens.push({ kind: 'text', text: escaped });
    } else tokens.push({ kind: 'text', text: character });
  }
  return tokens;
}
