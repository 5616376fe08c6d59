import { posix } from 'node:path';
import type { Tree } from '../../../source/tree.ts';
import type { NixFile } from '../image/installable.ts';
import { isMark, isName, readStructure, type Structure } from './bindings.ts';
import type { NixImage } from './image.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Functions of nixpkgs' dockerTools that give an image, and how it comes out. */
const FUNCTIONS: ReadonlyMap<string, NixImage['output']> = new Map([
  ['buildImage', 'archive'],
  ['buildImageWithNixDb', 'archive'],
  ['buildLayeredImage', 'archive'],
  ['buildLayeredImageWithNixDb', 'archive'],
  ['buildNixShellImage', 'archive'],
  ['streamLayeredImage', 'stream'],
  ['streamNixShellImage', 'stream'],
]);

/** Where a flake keeps what can be built. */
const GROUPS: ReadonlySet<string> = new Set(['packages', 'dockerImages', 'containers', 'defaultPackage']);
/** Files that are followed from one; a project's image is a few imports away at most. */
const MAX_FILES = 20;

/** What the text of a file says, without evaluating it. Undefined where there is no such file. */
export async function readImagesFromText(
  tree: Tree,
  file: NixFile,
  system: string,
): Promise<{ readonly images: readonly NixImage[]; readonly files: readonly string[] } | undefined> {
  const reader = createReader(tree);
  const root = await reader.open(file.path);
  if (root === undefined) return undefined;
  const found: NixImage[] = [];
  const add = (attribute: string | null, output: NixImage['output'] | undefined): void => {
    if (output === undefined || found.some((image) => image.attribute === attribute)) return;
    found.push({ attribute, output });
  };
  if (!file.flake && needsArguments(root.tokens)) return { images: [], files: [file.path] };
  if (!file.flake) add(null, await reader.outputOf(root.structure.own, root));
  for (const { path, value, variable } of root.structure.bindings) {
    // Below an image there are its parts; `inherit (dockerTools) buildImage;` only hands a function on.
    if (variable || found.some((image) => image.attribute === null) || FUNCTIONS.has(path.at(-1) ?? ''))
      continue;
    const attribute = file.flake ? flakeAttribute(path, system) : plainAttribute(path);
    if (attribute !== undefined) add(attribute, await reader.outputOf(value, root));
  }
  return { images: found, files: reader.files() };
}

interface Opened {
  readonly path: string;
  readonly tokens: readonly Token[];
  readonly structure: Structure;
}

function createReader(tree: Tree) {
  const opened = new Map<string, Promise<Opened | undefined>>();
  const open = (path: string): Promise<Opened | undefined> => {
    const known =
      opened.get(path) ?? (opened.size < MAX_FILES ? read(tree, path) : Promise.resolve(undefined));
    opened.set(path, known);
    return known;
  };
  /** What a value is: a call of dockerTools, a variable that is one, or an imported file that is one. */
  const outputOf = async (
    value: readonly Token[],
    file: Opened,
    seen: ReadonlySet<string> = new Set(),
  ): Promise<NixImage['output'] | undefined> => {
    const call = callIn(value, file);
    if (call !== undefined) return call;
    const path = importedPath(value);
    const imported = path === undefined ? undefined : await open(resolvePath(file.path, path));
    if (imported !== undefined && !seen.has(imported.path)) {
      return outputOf(imported.structure.own, imported, new Set([...seen, imported.path]));
    }
    const name = value.length === 1 && value[0]?.kind === 'name' ? value[0].text : undefined;
    if (name === undefined || seen.has(name)) return undefined;
    const variable = file.structure.bindings.find(
      ({ variable, path }) => variable && path.join('.') === name,
    );
    return variable && outputOf(variable.value, file, new Set([...seen, name]));
  };
  return { open, outputOf, files: () => [...opened.keys()] };
}

async function read(tree: Tree, path: string): Promise<Opened | undefined> {
  const found = await tree.stat(path);
  const file = found?.kind === 'folder' ? posix.join(path, 'default.nix') : path;
  const text = await tree.readText(file);
  if (text === undefined) return undefined;
  const tokens = tokensOf(text);
  return { path: file, tokens, structure: readStructure(tokens) };
}

/** The call that a value is: `pkgs.dockerTools.buildImage`, or a bare `buildImage` of a file that speaks of dockerTools. */
function callIn(value: readonly Token[], file: Opened): NixImage['output'] | undefined {
  for (const [index, token] of value.entries()) {
    const output = token.kind === 'name' ? FUNCTIONS.get(token.text) : undefined;
    if (output === undefined) continue;
    const before = isMark(value[index - 1], '.') ? value[index - 2]?.text : undefined;
    if (before === 'dockerTools') return output;
    if (before !== undefined) return /^(?:nix2container|n2c)/.test(before) ? 'nix2container' : undefined;
    if (comesFrom(file, token.text, 'nix2container')) return 'nix2container';
    return comesFrom(file, token.text, 'dockerTools') ? output : undefined;
  }
  return undefined;
}

/** A bare function's name: inherited from there, or the file has `with X.dockerTools;` or takes it as an argument. */
function comesFrom({ tokens }: Opened, name: string, library: string): boolean {
  return tokens.some(
    (token, index) =>
      isName(token, library) &&
      (isMark(tokens[index + 1], ';') ||
        (isMark(tokens[index + 1], ')') &&
          tokens.slice(index + 2, index + 12).some((next) => isName(next, name)))),
  );
}

/** `import ./docker.nix { }`, `pkgs.callPackage ./docker.nix { }`. */
function importedPath(value: readonly Token[]): string | undefined {
  const at = value.findIndex((token) => isName(token, 'import') || isName(token, 'callPackage'));
  const next = at === -1 ? undefined : value[at + 1];
  return next?.kind === 'path' && /^\.{1,2}\//.test(next.text) ? next.text : undefined;
}

function resolvePath(from: string, path: string): string {
  return posix.normalize(posix.join(posix.dirname(from), path)).replace(/\/$/, '');
}

/** A file that is a function of arguments without defaults is a part of something: nothing can build it alone. */
function needsArguments(tokens: readonly Token[]): boolean {
  if (tokens[0]?.kind === 'name' && isMark(tokens[1], ':')) return true;
  if (!isMark(tokens[0], '{')) return false;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (isMark(token, '{') || isMark(token, '(') || isMark(token, '[') || isMark(token, '${')) depth += 1;
    else if (isMark(token, '}') || isMark(token, ')') || isMark(token, ']')) depth -= 1;
    if (depth === 0) {
      if (!isMark(tokens[index + 1], ':') && !isMark(tokens[index + 1], '@')) return false;
      return hasBareFormal(tokens.slice(1, index));
    }
  }
  return false;
}

function hasBareFormal(formals: readonly Token[]): boolean {
  let depth = 0;
  return formals.some((token, index) => {
    if (isMark(token, '{') || isMark(token, '(') || isMark(token, '[')) depth += 1;
    else if (isMark(token, '}') || isMark(token, ')') || isMark(token, ']')) depth -= 1;
    const begins = index === 0 || isMark(formals[index - 1], ',');
    const bare = formals[index + 1] === undefined || isMark(formals[index + 1], ',');
    // `system` is given; see `installable`.
    return depth === 0 && token.kind === 'name' && begins && bare && token.text !== 'system';
  });
}

/** `…packages.<system>.NAME`, as nix build takes it; undefined for what is no output, or nested in one. */
function flakeAttribute(path: readonly string[], system: string): string | undefined {
  const at = path.findIndex((name) => GROUPS.has(name));
  const group = path[at];
  if (group === undefined) return undefined;
  const rest = path.slice(at + 1);
  const named =
    rest[0] !== undefined && (rest[0] === '${}' || /-(?:linux|darwin)$/.test(rest[0])) ? rest[0] : undefined;
  if (named !== undefined && named !== '${}' && named !== system) return undefined;
  const names = named === undefined ? rest : rest.slice(1);
  if (group === 'defaultPackage') return names.length === 0 ? `defaultPackage.${system}` : undefined;
  const [name] = names;
  return names.length === 1 && name !== undefined ? [group, system, name].join('.') : undefined;
}

/** An attribute of a plain file, possibly in a set of images. */
function plainAttribute(path: readonly string[]): string | undefined {
  return path.length <= 2 && !path.includes('${}') ? path.join('.') : undefined;
}
