import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { DEFAULT_SLUG_LIMITS } from '../builders/slug/limits.ts';
import { DogwoodError } from '../errors.ts';
import { parseSize } from './flag-values.ts';

/** What the user's config file says (docs/configuration.md). */
export interface UserConfig {
  /** Stack name to image. */
  readonly stacks: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  /** Limits of the archive reader, by name. */
  readonly limits: Readonly<Record<string, number>>;
}

const LIMIT_NAMES = Object.keys(DEFAULT_SLUG_LIMITS);

const limit = z.union([
  z.number().int().positive(),
  z.string().transform((text, context) => {
    const size = parseSize(text);
    if (size !== undefined) return size;
    context.addIssue({ code: 'custom', message: 'expected a number, or one with k, M or G behind it' });
    return z.NEVER;
  }),
]);

const schema = z.strictObject({
  stacks: z.record(z.string().min(1), z.string().min(1)).default({}),
  'insecure-registries': z.array(z.string().min(1)).default([]),
  limits: z
    .record(z.string(), limit)
    .superRefine((limits, context) => {
      for (const name of Object.keys(limits)) {
        if (LIMIT_NAMES.includes(name)) continue;
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `no such limit; there are ${LIMIT_NAMES.join(', ')}`,
        });
      }
    })
    .default({}),
});

/** The config file's text, checked. Throws CONFIG_INVALID naming `path`, the line and what is wrong there. */
export function parseUserConfig(text: string, path: string): UserConfig {
  const parsed = schema.safeParse(parseToml(text, path));
  if (parsed.success) {
    const { stacks, limits, 'insecure-registries': insecureRegistries } = parsed.data;
    return { stacks, limits, insecureRegistries };
  }
  const issue = parsed.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const where = [...(issue?.path ?? []).map(String), ...(unknown === undefined ? [] : [unknown])];
  const what = unknown === undefined ? (issue?.message ?? 'invalid') : 'no such setting';
  throw new DogwoodError('CONFIG_INVALID', `${path}:${lineOf(text, where)}: ${where.join('.')}: ${what}`);
}

function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = cause.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? 'no TOML';
    throw new DogwoodError('CONFIG_INVALID', `${path}:${cause.line}: ${reason}`, { cause });
  }
}

/** The line a key stands on: the schema knows keys, only the text knows lines. */
function lineOf(text: string, keys: readonly string[]): number {
  let table: string[] = [];
  let best = 1;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1];
    const key = /^\s*("[^"]*"|'[^']*'|[^\s=#]+(?:\s*\.\s*[^\s=#]+)*)\s*=/.exec(line)?.[1];
    if (header !== undefined) table = splitKey(header);
    if (header === undefined && key === undefined) continue;
    const here = key === undefined ? table : [...table, ...splitKey(key)];
    const matches = here.length > 0 && here.every((part, i) => i >= keys.length || part === keys[i]);
    if (matches) best = index + 1;
    if (matches && here.length >= keys.length) return index + 1;
  }
  return best;
}

function splitKey(key: string): string[] {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|([^\s.]+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
}
