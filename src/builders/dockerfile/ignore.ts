/** Does an ignore file leave a path (below the root, with slashes) out of the build context? */
export interface IgnoreMatcher {
  ignores(path: string): boolean;
  /** May something below an ignored folder be wanted after all? */
  readonly hasExceptions: boolean;
}

interface Pattern {
  readonly expression: RegExp;
  readonly exception: boolean;
}

/**
 * Reads a `.dockerignore` as BuildKit does (moby/patternmatcher): patterns are from the root, the last one that matches
 * the path or a folder above it counts, `!` makes an exception.
 */
export function readIgnoreFile(text: string): IgnoreMatcher {
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap(readPattern);
  return {
    hasExceptions: patterns.some(({ exception }) => exception),
    ignores(path) {
      const segments = path.split('/');
      const paths = segments.map((_, index) => segments.slice(0, index + 1).join('/'));
      const last = patterns.findLast(({ expression }) => paths.some((each) => expression.test(each)));
      return last !== undefined && !last.exception;
    },
  };
}

function readPattern(line: string): readonly Pattern[] {
  if (line.startsWith('#')) return [];
  const trimmed = line.trim();
  const exception = trimmed.startsWith('!');
  const cleaned = clean(exception ? trimmed.slice(1).trim() : trimmed);
  if (cleaned === '') return [];
  return [{ expression: toExpression(cleaned), exception }];
}

/** Go's filepath.Clean, without the slash that a path from the root begins with. */
function clean(pattern: string): string {
  const kept: string[] = [];
  for (const segment of pattern.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  return kept.join('/');
}

function toExpression(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (pattern.startsWith('**/', at)) {
      source += '(?:.*/)?';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      source += '.*';
      at += 1;
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '\\' && at + 1 < pattern.length) source += escapeCharacter(pattern.charAt(++at));
    else if (character === '[' || character === ']') source += character;
    else source += character === '^' || character === '-' ? character : escapeCharacter(character);
  }
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    // A class that is not closed matches nothing.
    return /(?!)/;
  }
}

const escapeCharacter = (character: string): string => character.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
