import { DogwoodError } from '../../errors.ts';

/** The comments at the head of a Dockerfile that steer how it is read. */
export interface Directives {
  /** As written behind `syntax=`: an image reference, perhaps with words behind it. */
  readonly syntax: string | undefined;
  readonly escapeToken: '\\' | '`';
  /** Lines, from 0, that hold directives; and which of them is the syntax. */
  readonly lines: readonly number[];
  readonly syntaxLine: number | undefined;
}

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const KNOWN = new Set(['syntax', 'escape', 'check']);

/**
 * Reads the parser directives (dockerfile reference, "Parser directives"): they end with the first line that is none.
 * Throws DOCKERFILE_INVALID for one that stands there twice or an escape that is none.
 */
export function readDirectives(text: string): Directives {
  const found = new Map<string, { value: string; line: number }>();
  for (const [line, content] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const [, name = '', value = ''] = DIRECTIVE.exec(content.replace(/\r$/, '')) ?? [];
    const key = name.toLowerCase();
    if (!KNOWN.has(key)) break;
    if (found.has(key)) throw invalid(line, `only one ${key} directive can be used`);
    found.set(key, { value, line });
  }
  const escapeToken = found.get('escape')?.value ?? '\\';
  if (escapeToken !== '\\' && escapeToken !== '`') {
    throw invalid(found.get('escape')?.line ?? 0, 'the escape directive takes \\ or `');
  }
  return {
    syntax: found.get('syntax')?.value ?? otherSyntax(text),
    escapeToken,
    lines: [...found.values()].map(({ line }) => line),
    syntaxLine: found.get('syntax')?.line,
  };
}

/** BuildKit looks for the frontend in files of other languages, too: behind `//`, a shebang, or as a key of JSON. */
function otherSyntax(text: string): string | undefined {
  const body = text.replace(/^\uFEFF/, '').replace(/^#!.*\n/, '');
  const comment = /^(?:(?:#|\/\/)\s*(?:escape|check)\s*=.*\n)*(?:#|\/\/)\s*syntax\s*=\s*(.+?)\s*$/im.exec(
    body.split('\n').slice(0, 3).join('\n'),
  );
  if (comment?.index === 0) return comment[1];
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    const { syntax } = JSON.parse(body) as { readonly syntax?: unknown };
    return typeof syntax === 'string' ? syntax : undefined;
  } catch {
    return undefined;
  }
}

/** A Dockerfile that cannot be read; `line` counts from 0. */
export function invalid(line: number, why: string): DogwoodError {
  return new DogwoodError('DOCKERFILE_INVALID', `line ${line + 1} of the Dockerfile: ${why}`);
}
