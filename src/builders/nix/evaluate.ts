import { type NixResult, runNix } from '../../engines/nix.ts';
import { classifyNixFailure } from '../../engines/nix-failure.ts';
import { untrustedSettings } from '../../engines/nix-settings.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';
import { type DerivationFacts, imageOutput, type NixImage } from './image-attribute.ts';
import { installable, type NixFile } from './installable.ts';
import { STRICT } from './permissions.ts';

/** Milliseconds for one evaluation while a project is looked at. */
const EVALUATION_MS = 60_000;

// Tells of every attribute whether it is a derivation, and what it says of itself. toJSON forces the values, so that
// one that throws spoils none of the others.
const INSPECT = `x:
  let
    text = v: if builtins.isString v then builtins.unsafeDiscardStringContext v else null;
    isDerivation = d: builtins.isAttrs d && (d.type or null) == "derivation";
    describe = d: builtins.toJSON {
      name = text (d.name or null);
      imageName = text (d.imageName or null);
      isExe = (d.isExe or false) == true;
      copyTo = d ? copyToRegistry || d ? copyToDockerDaemon;
    };
    look = v: if isDerivation v then describe v else null;
    attempt = v: let r = builtins.tryEval v; in if r.success then r.value else null;
    groups = [ "dockerImages" "dockerImage" "images" "containers" "docker" "ociImages" ];
    nested = n: v:
      if builtins.elem n groups && attempt (builtins.isAttrs v && !isDerivation v) == true
      then builtins.mapAttrs (_: c: attempt (look c)) v
      else { };
  in
    if isDerivation x then { self = describe x; attributes = { }; nested = { }; }
    else if builtins.isAttrs x then {
      self = null;
      attributes = builtins.mapAttrs (_: v: attempt (look v)) x;
      nested = builtins.mapAttrs nested x;
    }
    else { self = null; attributes = { }; nested = { }; }`;

/** What an evaluation found, or why it could not. */
export type Evaluated =
  | { readonly ok: true; readonly images: readonly NixImage[]; readonly names: readonly string[] }
  | { readonly ok: false; readonly result: NixResult };

interface Inspection {
  readonly self: string | null;
  readonly attributes: Readonly<Record<string, string | null>>;
  readonly nested: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
}

/**
 * The images of a Nix file, found by evaluating it under the settings for untrusted code: nothing is built, nothing
 * but the project read. Flakes fetch what their lock file pins (see `checkInputs`), other files nothing at all.
 */
export async function evaluateImages(
  tree: Tree,
  file: NixFile,
  system: string,
  context: PlanContext,
): Promise<Evaluated> {
  if (!file.flake) return merge([await inspect(tree, file, null, system, context)]);
  const groups = [`packages.${system}`, `dockerImages.${system}`, 'dockerImages', `containers.${system}`];
  const found: Partial[] = [];
  for (const group of groups) {
    const partial = await inspect(tree, file, group, system, context);
    found.push(partial);
    if (partial.failed !== undefined) break;
  }
  return merge(found);
}

interface Partial {
  readonly images: readonly NixImage[];
  readonly names: readonly string[];
  readonly failed: NixResult | undefined;
}

async function inspect(
  tree: Tree,
  file: NixFile,
  group: string | null,
  system: string,
  context: PlanContext,
): Promise<Partial> {
  const result = await runNix(
    [
      'eval',
      '--json',
      ...installable(tree, file, group, system),
      '--apply',
      INSPECT,
      ...untrustedSettings(STRICT, file.flake),
    ],
    { variables: context.engines.variables, signal: context.signal, timeoutMs: EVALUATION_MS, cwd: tree.root },
  );
  if (result.exitCode !== 0) {
    const absent = group !== null && classifyNixFailure(result).kind === 'attribute';
    return { images: [], names: [], failed: absent ? undefined : result };
  }
  return { ...readInspection(JSON.parse(result.stdout) as Inspection, group), failed: undefined };
}

function readInspection(
  { self, attributes, nested }: Inspection,
  group: string | null,
): { readonly images: readonly NixImage[]; readonly names: readonly string[] } {
  const all: [string | null, string | null][] = [
    [null, self],
    ...Object.entries(attributes).map(([name, facts]): [string, string | null] => [quoted(name), facts]),
    ...Object.entries(nested).flatMap(([outer, inner]) =>
      Object.entries(inner).map(([name, facts]): [string, string | null] => [
        `${outer}.${quoted(name)}`,
        facts,
      ]),
    ),
  ];
  const known = all.flatMap(([name, json]) =>
    json === null ? [] : [[fullName(group, name), JSON.parse(json) as DerivationFacts] as const],
  );
  return {
    names: known.map(([name]) => name).filter((name) => name !== null),
    images: known.flatMap(([attribute, facts]) => {
      const output = imageOutput(facts);
      return output === undefined ? [] : [{ attribute, output }];
    }),
  };
}

function fullName(group: string | null, name: string | null): string | null {
  return name === null ? group : [...(group === null ? [] : [group]), name].join('.');
}

/** Names with dots in them are quoted in attribute paths. */
function quoted(name: string): string {
  return name.includes('.') ? JSON.stringify(name) : name;
}

function merge(parts: readonly Partial[]): Evaluated {
  const failed = parts.find((part) => part.failed !== undefined)?.failed;
  if (failed !== undefined) return { ok: false, result: failed };
  return {
    ok: true,
    images: parts.flatMap(({ images }) => images),
    names: parts.flatMap(({ names }) => names),
  };
}
