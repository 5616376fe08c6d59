import { posix } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import { compileGlob, type GlobToken } from './glob.ts';
import { type Ignore, type IgnorePattern, lastMatchWins } from './ignore.ts';

/**
 * A `.dockerignore` as BuildKit reads it (moby/patternmatcher): one pattern a line; a BOM, blank lines and lines that
 * begin with `#` mean nothing; patterns are trimmed, cleaned as paths and always hang on the root; `**` is any number
 * of folders; what lies in a folder that matches is left out with it; of several patterns the last one counts, and
 * `!` takes back. Classes (`[a-z]`) have Go's rules.
 *
 * @param file for messages
 * Throws PROJECT_FILE_INVALID with the line of a pattern that is none.
 */
export function parseDockerignore(text: string, file = '.dockerignore'): Ignore {
  const patterns: IgnorePattern[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    const pattern = readLine(line.trim());
    if (pattern === undefined) continue;
    const tokens = tokenize(pattern.text);
    if (tokens === undefined) {
      const shown = JSON.stringify(line.trim().slice(0, 80));
      throw new DogwoodError('PROJECT_FILE_INVALID', `${file}:${index + 1}: ${shown} is no pattern`);
    }
    patterns.push({ negated: pattern.negated, matches: compileGlob(tokens) });
  }
  return lastMatchWins(patterns);
}

/** ignorefile.ReadAll and patternmatcher.New: the path inside a line. */
function readLine(line: string): { readonly negated: boolean; readonly text: string } | undefined {
  const negated = line.startsWith('!');
  const rest = negated ? line.slice(1).trim() : line;
  if (rest === '') return negated ? { negated, text: '!' } : undefined;
  const cleaned = clean(rest);
  return { negated, text: cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned };
}

/** Go's filepath.Clean: node's normalize keeps a slash at the end, and calls nothing `.` as Go does. */
function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** The tokens of a pattern; undefined for one that Go's filepath.Match calls malformed, or a lone `!`. */
function tokenize(pattern: string): readonly GlobToken[] | undefined {
  if (pattern === '!') return undefined;
  const tokens: GlobToken[] = [];
  let text = '';
  const push = (token: GlobToken): void => {
    if (text !== '') tokens.push({ kind: 'text', text });
    text = '';
    tokens.push(token);
  };
  const characters = [...pattern];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? '';
    if (character === '*') {
      if (characters[index + 1] !== '*') {
        push({ kind: 'star' });
        continue;
      }
      index++;
      // `**/` is `**`.
      if (characters[index + 1] === '/') index++;
      push({ kind: index + 1 === characters.length ? 'rest' : 'folders' });
    } else if (character === '?') push({ kind: 'one' });
    else if (character === '\\') {
      index++;
      const escaped = characters[index];
      if (escaped === undefined) return undefined;
      text += escaped;
    } else if (character === '[') {
      const found = readClass(characters, index);
      if (found === undefined) return undefined;
      push(found.token);
      index = found.end;
    } else text += character;
  }
  if (text !== '') tokens.push({ kind: 'text', text });
  return tokens;
}

/** `[abc]`, `[a-z]`, `[^a]`: ends behind its bracket. Undefined for what Go refuses. */
export function readClass(
  characters: readonly string[],
  start: number,
): { readonly token: GlobToken & { readonly kind: 'class' }; readonly end: number } | undefined {
  let index = start + 1;
  const negated = characters[index] === '^';
  if (negated) index++;
  const ranges: [string, string][] = [];
  const readOne = (): string | undefined => {
    let character = characters[index];
    if (character === undefined || character === '-' || character === ']') return undefined;
    if (character === '\\') character = characters[++index];
    index++;
    return index < characters.length ? character : undefined;
  };
  while (characters[index] !== ']' || ranges.length === 0) {
    const low = readOne();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (characters[index] === '-') {
      index++;
      high = readOne();
    }
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  return { token: { kind: 'class', negated, ranges, slash: true }, end: index };
}
