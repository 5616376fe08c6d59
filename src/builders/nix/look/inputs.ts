import { runNix } from '../../../engines/nix/nix.ts';
import { ALLOWED_URIS, untrustedSettings } from '../../../engines/nix/settings.ts';
import { DogwoodError } from '../../../errors.ts';
import type { Tree } from '../../../source/tree.ts';
import type { PlanContext } from '../../builder.ts';
import { nixError } from '../failure.ts';
import { STRICT } from '../permissions.ts';

/** Milliseconds to read what a flake names as its inputs; nothing of its outputs is evaluated. */
const READ_MS = 20_000;
/** A lock file of a thousand inputs is some hundred kilobytes. */
const LOCK_BYTES = 4 * 1024 * 1024;

type FlakeReference = Readonly<Record<string, unknown>>;

// The inputs as flake.nix declares them: names, and every address. `outputs` is not called.
const DECLARED = `f:
  let
    addresses = i:
      if builtins.isAttrs i then
        (if i ? url then [ { inherit (i) url; } ]
         else if i ? type then [ (builtins.intersectAttrs { type = 1; url = 1; host = 1; path = 1; owner = 1; repo = 1; id = 1; } i) ]
         else [ ])
        ++ builtins.concatMap addresses (builtins.attrValues (i.inputs or { }))
      else [ ];
    inputs = f.inputs or { };
    arguments = if builtins.isFunction f.outputs then builtins.functionArgs f.outputs else { };
  in {
    names = builtins.attrNames inputs
      ++ builtins.filter (n: n != "self" && !arguments.\${n}) (builtins.attrNames arguments);
    addresses = builtins.concatMap addresses (builtins.attrValues inputs);
  }`;

const checks = new WeakMap<Tree, Promise<void>>();

/** `checkInputsOf`, once for each tree: it is asked before every evaluation. */
export function checkInputs(tree: Tree, context: PlanContext): Promise<void> {
  const known = checks.get(tree) ?? checkInputsOf(tree, context);
  checks.set(tree, known);
  return known;
}

/**
 * Makes sure that evaluating a flake fetches nothing but what its lock file pins, from allowed places. Nix itself asks
 * the network for an input that is not locked, wherever that may be. Throws NIX_INPUT_REFUSED, NIX_EVALUATION_FAILED.
 */
async function checkInputsOf(tree: Tree, context: PlanContext): Promise<void> {
  const declared = await readDeclared(tree, context);
  const text = await tree.readText('flake.lock', LOCK_BYTES);
  if (text === undefined) {
    if (declared.names.length === 0) return;
    throw unlocked(declared.names[0] ?? '');
  }
  const { pinned, names } = readLock(text);
  const missing = declared.names.find((name) => !names.has(name));
  if (missing !== undefined) throw unlocked(missing);
  const suspects = [...pinned, ...declared.addresses].filter(
    (reference) => !isAllowed(reference, ALLOWED_URIS),
  );
  if (suspects.length === 0) return;
  const places = [...ALLOWED_URIS, ...(await machinePlaces(context))];
  const refused = suspects.find((reference) => !isAllowed(reference, places));
  if (refused === undefined) return;
  throw new DogwoodError(
    'NIX_INPUT_REFUSED',
    `flake.nix has an input from a place that is not allowed: ${show(refused)}`,
  );
}

function unlocked(name: string): DogwoodError {
  return new DogwoodError('NIX_INPUT_REFUSED', `flake.lock does not pin the input ${name}`, {
    hint: 'Run `nix flake lock` and commit flake.lock: what is not pinned is not fetched.',
  });
}

async function readDeclared(
  tree: Tree,
  context: PlanContext,
): Promise<{ names: readonly string[]; addresses: readonly FlakeReference[] }> {
  // Needs no store: one is not even made where there is none yet.
  const what = ['--store', 'dummy://', '-f', './flake.nix', '-I', `source=${tree.root}`];
  const args = ['eval', '--json', ...what, '--apply', DECLARED];
  const { variables } = context.engines;
  const run = { variables, signal: context.signal, timeoutMs: READ_MS, cwd: tree.root };
  const result = await runNix([...args, ...untrustedSettings(STRICT, false)], run);
  if (result.exitCode !== 0) throw await nixError(result, { tree, context, what: 'flake.nix' });
  return JSON.parse(result.stdout) as { names: string[]; addresses: FlakeReference[] };
}

/** flake.lock, versions 5 to 7: what each node is locked to, and the names of the root's inputs. */
function readLock(text: string): { pinned: readonly FlakeReference[]; names: ReadonlySet<string> } {
  let lock: unknown;
  try {
    lock = JSON.parse(text);
  } catch (cause) {
    throw new DogwoodError('NIX_EVALUATION_FAILED', 'flake.lock is no JSON', {
      hint: 'Write it again with `nix flake lock`.',
      cause,
    });
  }
  const nodes = record(record(lock).nodes);
  const root = record(nodes[String(record(lock).root ?? 'root')]);
  const pinned = Object.values(nodes)
    .map((node) => record(node).locked)
    .filter((locked) => locked !== undefined)
    .map(record);
  return { pinned, names: new Set(Object.keys(record(root.inputs))) };
}

/** Does fetching this leave the project only for an allowed place? */
export function isAllowed(reference: FlakeReference, places: readonly string[]): boolean {
  const { type, url, host, path, id } = reference;
  if (typeof url === 'string')
    return isAllowedUrl(type === 'git' ? url.replace(/^(?!git\+)/, 'git+') : url, places);
  if (type === 'github' || type === 'gitlab' || type === 'sourcehut') return host === undefined;
  if (type === 'path') return typeof path === 'string' && isBelow(path);
  // A registry's name is resolved by the lock file, whose own address is looked at as well.
  return type === 'indirect' && typeof id === 'string';
}

function isAllowedUrl(url: string, places: readonly string[]): boolean {
  if (/^(?:github|gitlab|sourcehut):/.test(url)) return !/[?&]host=/.test(url);
  if (/^(?:path:)?\.{1,2}(?:\/|$|\?)/.test(url))
    return isBelow(url.replace(/^path:/, '').replace(/\?.*$/, ''));
  if (/^(?:flake:)?[A-Za-z][A-Za-z0-9_-]*(?:\/[^:]*)?$/.test(url)) return true;
  return places.some((place) => place !== '' && (url === place || url.startsWith(place)));
}

function isBelow(path: string): boolean {
  return !path.startsWith('/') && !path.split('/').includes('..');
}

/** What the machine's operator allows besides. */
async function machinePlaces(context: PlanContext): Promise<readonly string[]> {
  const run = { variables: context.engines.variables, signal: context.signal, timeoutMs: READ_MS };
  const { exitCode, stdout } = await runNix(
    ['--extra-experimental-features', 'nix-command', 'show-config', '--json'],
    run,
  );
  if (exitCode !== 0) return [];
  const value = record(record(JSON.parse(stdout))['allowed-uris']).value;
  return Array.isArray(value) ? value.filter((place) => typeof place === 'string') : [];
}

/** Its address without a query: that may hold a token. */
function show(reference: FlakeReference): string {
  const { url, type, host, path } = reference;
  if (typeof url === 'string') return url.replace(/[?#].*$/, '').replace(/\/\/[^/@]*@/, '//');
  return [type, host, path].filter((part) => typeof part === 'string').join(' ');
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
