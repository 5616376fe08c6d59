import { DogwoodError } from '../errors.ts';

/** A variable's name as shells and Heroku know it. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

/**
 * Reads an environment file, as docs/configuration.md has it: `NAME=VALUE` lines, `#` comment lines, an optional
 * `export`; values bare, in single quotes (taken as they are) or in double quotes (with escapes), the quoted ones
 * over several lines. Nothing is expanded. The last of two lines for one name counts.
 *
 * Whatever could be read in two ways throws USAGE, naming `path` and the line and never a value.
 */
export function parseEnvFile(text: string, path: string): Record<string, string> {
  const values: Record<string, string> = {};
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let at = 0;
  let line = 1;
  const refuse = (what: string): never => {
    throw new DogwoodError('USAGE', `${path}:${line}: ${what}`, {
      hint: 'Write NAME=VALUE, with the value in quotes where it holds a quote, a # or a line end.',
    });
  };
  while (at < source.length) {
    const end = lineEnd(source, at);
    const content = source.slice(at, end);
    if (/^[ \t]*(?:#|$)/.test(content)) {
      at = end + 1;
      line++;
      continue;
    }
    const match = ASSIGNMENT.exec(content);
    const name = match?.[1];
    if (match === null || name === undefined) return refuse('no NAME=VALUE');
    const start = at + match[0].length;
    const quote = source[start];
    const value =
      quote === '"' || quote === "'" ? readQuoted(source, start, refuse) : readBare(source, start, refuse);
    values[name] = value.text;
    line += source.slice(at, value.end).split('\n').length;
    at = value.end + 1;
  }
  return values;
}

interface Value {
  readonly text: string;
  /** Where the line ends that the value ends on. */
  readonly end: number;
}

type Refuse = (what: string) => never;

function lineEnd(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end === -1 ? source.length : end;
}

// Some readers cut a bare value at ` #`, others keep it; some drop inner quotes, others do not.
function readBare(source: string, start: number, refuse: Refuse): Value {
  const end = lineEnd(source, start);
  const text = source.slice(start, end).trimEnd();
  if (/(?:^|[ \t])#/.test(text)) refuse('a bare value with a # in it; put it in quotes');
  if (/["'`]/.test(text)) refuse('a quote inside a bare value; put the value in quotes');
  if (text.endsWith('\\')) refuse('a bare value that ends in a backslash; put it in quotes');
  if (text.includes('\0')) refuse('a value with a NUL in it');
  return { text, end };
}

function readQuoted(source: string, start: number, refuse: Refuse): Value {
  const quote = source[start];
  let text = '';
  let at = start + 1;
  for (; source[at] !== quote; at++) {
    const character = source[at];
    if (character === undefined) return refuse('a quote that is never closed');
    if (character === '\0') refuse('a value with a NUL in it');
    if (quote === "'" || character !== '\\') {
      text += character;
      continue;
    }
    at++;
    text += ESCAPES[source[at] ?? ''] ?? refuse('an unknown escape; \\n \\r \\t \\" \\\\ and \\$ are known');
  }
  const end = lineEnd(source, at);
  if (!/^[ \t]*(?:#.*)?$/.test(source.slice(at + 1, end))) refuse('something behind the closing quote');
  return { text, end };
}
