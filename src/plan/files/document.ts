import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { type KeyPath, lineInJson, lineInToml } from './position.ts';

/** A file of settings that somebody wrote: what is wrong in it is told with its name and the line. */
export interface TextFile {
  /** For messages: the path below the root, or of the user's own config file. */
  readonly path: string;
  readonly text: string;
  /** What a fault in it is called. */
  readonly code: 'PROJECT_FILE_INVALID' | 'CONFIG_INVALID';
}

/** A project's file; a BOM at its beginning means nothing. */
export function projectFile(path: string, text: string): TextFile {
  return { path, text: text.replace(/^\uFEFF/, ''), code: 'PROJECT_FILE_INVALID' };
}

/** Reads TOML as the schema says. Throws the file's code, naming file, line and key; no value is ever shown. */
export function readToml<T extends z.ZodType>(schema: T, file: TextFile): z.infer<T> {
  return check(schema, parseToml(file), file, (path) => lineInToml(file.text, path));
}

/** Reads JSON as the schema says. Throws as `readToml` does. */
export function readJson<T extends z.ZodType>(schema: T, file: TextFile): z.infer<T> {
  return check(schema, parseJson(file), file, (path) => lineInJson(file.text, path));
}

function check<T extends z.ZodType>(
  schema: T,
  value: unknown,
  file: TextFile,
  lineOf: (path: KeyPath) => number,
): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = mostTelling(parsed.error.issues);
  const where = path.length === 0 ? '' : `${path.join('.')}: `;
  throw new DogwoodError(file.code, `${file.path}:${lineOf(path)}: ${where}${message}`);
}

interface Fault {
  readonly path: KeyPath;
  readonly message: string;
}

/** The first issue; of the alternatives of a union the one that came furthest. */
function mostTelling(issues: readonly z.core.$ZodIssue[]): Fault {
  // A name that is misspelt is also one that is missing: the misspelling says more.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) return { path: [], message: 'invalid' };
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return { path: [...path, issue.keys[0] ?? ''], message: 'no such setting' };
  }
  if (issue.code === 'invalid_key') return { path, message: issue.issues[0]?.message ?? issue.message };
  if (issue.code === 'invalid_union') {
    const deepest = issue.errors
      .filter((alternative) => alternative.length > 0)
      .map(mostTelling)
      .toSorted((a, b) => b.path.length - a.path.length)[0];
    if (deepest !== undefined && deepest.path.length > 0) {
      return { path: [...path, ...deepest.path], message: deepest.message };
    }
    // Of those that fail at once, the one that it has the kind of.
    const kin = issue.errors.find(([first]) => first !== undefined && first.code !== 'invalid_type');
    if (kin !== undefined) return { path, message: mostTelling(kin).message };
  }
  const isMissing =
    issue.code === 'invalid_type' && issue.input === undefined && / undefined$/.test(issue.message);
  return { path, message: isMissing ? 'it is missing' : issue.message };
}

function parseToml({ text, path, code }: TextFile): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = cause.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? 'no TOML';
    throw new DogwoodError(code, `${path}:${cause.line}: ${reason}`, { cause });
  }
}

function parseJson({ text, path, code }: TextFile): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // V8 says where; what it quotes of the text may be anything, and stays out of the message.
    const position = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
    const at = position === undefined ? text.length : Number(position);
    throw new DogwoodError(code, `${path}:${text.slice(0, at).split('\n').length}: it is no JSON`, { cause });
  }
}
