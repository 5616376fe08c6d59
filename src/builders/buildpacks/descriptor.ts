import { isAbsolute, join } from 'node:path';
import { parse, stringify, type TomlTable } from 'smol-toml';
import { PROJECT_TOML, parseProjectToml } from '../../plan/files/project-toml.ts';
import type { Tree } from '../../source/tree.ts';

export const DESCRIPTOR = PROJECT_TOML;
export const SLUG_IGNORE = '.slugignore';

type Table = Readonly<Record<string, unknown>>;

/** project.toml as it stands; undefined when there is none. Throws PROJECT_FILE_INVALID. */
export async function readDescriptor(tree: Tree): Promise<TomlTable | undefined> {
  const text = await tree.readText(DESCRIPTOR);
  if (text === undefined) return undefined;
  parseProjectToml(text);
  return parse(text);
}

/** Does it say itself what belongs to the application (project descriptor 0.1 and 0.2)? */
export function hasIgnoreRules(descriptor: TomlTable | undefined): boolean {
  const { include, exclude } = ignoreRules(descriptor);
  return include !== undefined || exclude !== undefined;
}

/**
 * A descriptor for pack that leaves out what .slugignore names, and says otherwise what the project's own says. It lies
 * elsewhere, so paths of buildpacks in it become absolute.
 */
export function descriptorWithout(
  excluded: readonly string[],
  descriptor: TomlTable | undefined,
  root: string,
): string {
  const original = descriptor ?? {};
  const rules = buildpacksTable(original);
  if (original.build !== undefined && !isSecondVersion(original)) {
    const build = { ...rules, exclude: excluded, buildpacks: absolute(rules.buildpacks, root) };
    return stringify({ ...original, build: defined(build) });
  }
  const additions = (name: string): Table | undefined =>
    rules[name] === undefined
      ? undefined
      : { ...table(rules[name]), group: absolute(table(rules[name]).group, root) };
  const buildpacks = {
    ...rules,
    exclude: excluded,
    group: absolute(rules.group, root),
    pre: additions('pre'),
    post: additions('post'),
  };
  const io = { ...table(original.io), buildpacks: defined(buildpacks) };
  return stringify({ ...original, _: { ...table(original._), 'schema-version': '0.2' }, io });
}

/** The patterns of a .slugignore as pack takes them: those of a .gitignore, but that there are no exceptions. */
export function slugIgnorePatterns(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#') && !line.startsWith('!'));
}

/** Include and exclude as the descriptor has them; at most one of them is there. */
export function ignoreRules(descriptor: TomlTable | undefined): {
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
} {
  const { include, exclude } = buildpacksTable(descriptor ?? {});
  return { include: strings(include), exclude: strings(exclude) };
}

const strings = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;

/** Is it the path of a folder or file, rather than a URL, an image or an id? */
const isPathLocator = (locator: string): boolean => /^(?:\.{0,2}\/|\.{1,2}$)/.test(locator);

const isSecondVersion = (descriptor: Table): boolean => table(descriptor._)['schema-version'] === '0.2';

/** Where the two versions of the format keep what is about buildpacks. */
function buildpacksTable(descriptor: Table): Table {
  return isSecondVersion(descriptor) ? table(table(descriptor.io).buildpacks) : table(descriptor.build);
}

function table(value: unknown): Table {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Every buildpack that a descriptor names by a URI: of its order, and of what goes before and behind it. */
export function buildpackUris(descriptor: TomlTable | undefined): readonly string[] {
  const rules = buildpacksTable(descriptor ?? {});
  const groups = [rules.group, rules.buildpacks, table(rules.pre).group, table(rules.post).group];
  return groups
    .flatMap((group): readonly unknown[] => (Array.isArray(group) ? group : []))
    .flatMap((each) => {
      const { uri } = table(each);
      return typeof uri === 'string' ? [uri] : [];
    });
}

/** TOML has no value for what is not there. */
const defined = (value: Table): Table =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));

function absolute(group: unknown, root: string): unknown {
  if (!Array.isArray(group)) return group;
  return group.map((each: unknown) => {
    const { uri, ...rest } = table(each);
    if (typeof uri !== 'string') return each;
    return { ...rest, uri: isPathLocator(uri) && !isAbsolute(uri) ? join(root, uri) : uri };
  });
}
