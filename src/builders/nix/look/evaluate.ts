import { classifyNixFailure } from '../../../engines/nix/failure.ts';
import { type NixResult, runNix } from '../../../engines/nix/nix.ts';
import { untrustedSettings } from '../../../engines/nix/settings.ts';
import type { Tree } from '../../../source/tree.ts';
import type { PlanContext } from '../../builder.ts';
import { installable, type NixFile } from '../image/installable.ts';
import { STRICT } from '../permissions.ts';
import { type DerivationFacts, imageOutput, isWellKnown, type NixImage } from './image.ts';
import { INSPECT, NAMES } from './inspect-expression.ts';

/** Milliseconds for one evaluation while a project is looked at. */
const EVALUATION_MS = 60_000;
/** Attributes that are looked at one by one where all together cannot be. */
const MAX_SINGLE = 24;

/** What an evaluation found, or why it could not. */
export type Evaluated =
  | { readonly ok: true; readonly images: readonly NixImage[]; readonly names: readonly string[] }
  | { readonly ok: false; readonly result: NixResult };

interface Inspection {
  readonly self: string | null;
  readonly attributes: Readonly<Record<string, string | null>>;
  readonly nested: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
}

interface Look {
  readonly tree: Tree;
  readonly file: NixFile;
  readonly system: string;
  readonly context: PlanContext;
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
  const look = { tree, file, system, context };
  const found: Found[] = [];
  for (const group of await groupsOf(look)) {
    const part = await inspectGroup(look, group);
    if (!('names' in part)) return { ok: false, result: part };
    found.push(part);
  }
  return {
    ok: true,
    images: found.flatMap(({ images }) => images),
    names: found.flatMap(({ names }) => names),
  };
}

/** One attribute, whatever the others are like; `absent` where there is none of that name. */
export async function inspectAttribute(
  tree: Tree,
  file: NixFile,
  attribute: string,
  system: string,
  context: PlanContext,
): Promise<NixImage | 'absent' | 'failed'> {
  const result = await evaluate({ tree, file, system, context }, attribute, INSPECT);
  if (result.exitCode !== 0) return isAbsent(result, attribute) ? 'absent' : 'failed';
  const { images } = readInspection(JSON.parse(result.stdout) as Inspection, attribute);
  return images.find((image) => image.attribute === attribute) ?? { attribute, output: 'unknown' };
}

/** Where a flake keeps images: its packages, and sets of their own where its text speaks of such. */
async function groupsOf({ tree, file, system }: Look): Promise<readonly (string | null)[]> {
  if (!file.flake) return [null];
  const text = (await tree.readText(file.path)) ?? '';
  const sets = ['dockerImages', 'containers'].filter((name) => text.includes(name));
  return [`packages.${system}`, ...sets.flatMap((name) => [`${name}.${system}`, name])];
}

interface Found {
  readonly images: readonly NixImage[];
  readonly names: readonly string[];
}

const NOTHING: Found = { images: [], names: [] };

/** All attributes at once, or, where one of them cannot even be looked at, each on its own. */
async function inspectGroup(look: Look, group: string | null): Promise<Found | NixResult> {
  const result = await evaluate(look, group, INSPECT);
  if (result.exitCode === 0) return readInspection(JSON.parse(result.stdout) as Inspection, group);
  if (isAbsent(result, group)) return NOTHING;
  const listed = await evaluate(look, group, NAMES);
  if (listed.exitCode !== 0) return result;
  const names = (JSON.parse(listed.stdout) as string[]).map(quoted);
  const first = [...names]
    .sort((a, b) => Number(isWellKnown(b)) - Number(isWellKnown(a)))
    .slice(0, MAX_SINGLE);
  const images: NixImage[] = [];
  for (const name of names.filter((each) => first.includes(each))) {
    const attribute = fullName(group, name);
    const single = await evaluate(look, attribute, INSPECT);
    if (single.exitCode !== 0) continue;
    images.push(...readInspection(JSON.parse(single.stdout) as Inspection, attribute).images);
  }
  return { images, names: names.map((name) => fullName(group, name)) };
}

function isAbsent(result: NixResult, group: string | null): boolean {
  return group !== null && classifyNixFailure(result).kind === 'attribute';
}

function evaluate(
  look: Look,
  attribute: string | null,
  expression: (system: string) => string,
): Promise<NixResult> {
  const { tree, file, system, context } = look;
  const what = installable(tree, file, attribute, system);
  const args = [
    'eval',
    '--json',
    ...what,
    '--apply',
    expression(system),
    ...untrustedSettings(STRICT, file.flake),
  ];
  const { variables } = context.engines;
  return runNix(args, { variables, signal: context.signal, timeoutMs: EVALUATION_MS, cwd: tree.root });
}

function readInspection({ self, attributes, nested }: Inspection, group: string | null): Found {
  const all: (readonly [string | null, string | null])[] = [
    [group, self],
    ...Object.entries(attributes).map(([name, facts]) => [fullName(group, quoted(name)), facts] as const),
    ...Object.entries(nested).flatMap(([outer, inner]) =>
      Object.entries(inner).map(
        ([name, facts]) => [fullName(group, `${quoted(outer)}.${quoted(name)}`), facts] as const,
      ),
    ),
  ];
  const known = all.flatMap(([name, json]) =>
    json === null ? [] : [[name, JSON.parse(json) as DerivationFacts] as const],
  );
  return {
    names: known.map(([name]) => name).filter((name) => name !== null),
    images: known.flatMap(([attribute, facts]) => {
      const output = imageOutput(facts);
      return output === undefined ? [] : [{ attribute, output }];
    }),
  };
}

function fullName(group: string | null, name: string): string {
  return group === null ? name : `${group}.${name}`;
}

/** Names with dots in them are quoted in attribute paths. */
function quoted(name: string): string {
  return name.includes('.') ? JSON.stringify(name) : name;
}
