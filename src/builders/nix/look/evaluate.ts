import { classifyNixFailure } from '../../../engines/nix/failure.ts';
import { type NixResult, runNix } from '../../../engines/nix/nix.ts';
import { untrustedSettings } from '../../../engines/nix/settings.ts';
import type { Tree } from '../../../source/tree.ts';
import type { PlanContext } from '../../builder.ts';
import { installable, type NixFile } from '../image/installable.ts';
import { STRICT } from '../permissions.ts';
import { isWellKnown, type NixImage } from './image.ts';
import { INSPECT, NAMES } from './inspect-expression.ts';
import {
  answer,
  attributeNames,
  type Found,
  fullName,
  inspection,
  quoted,
  readInspection,
} from './inspection.ts';

/** Milliseconds for one evaluation while a project is looked at. */
const EVALUATION_MS = 60_000;
/** Attributes that are looked at one by one where all together cannot be. */
const MAX_SINGLE = 24;

/** What an evaluation found, or why it could not. */
export type Evaluated =
  | { readonly ok: true; readonly images: readonly NixImage[]; readonly names: readonly string[] }
  | { readonly ok: false; readonly result: NixResult };

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
  const inspected = answer(result, inspection);
  if (inspected === undefined) return 'failed';
  const { images } = readInspection(inspected, attribute);
  return images.find((image) => image.attribute === attribute) ?? { attribute, output: 'unknown' };
}

/** Where a flake keeps images: its packages, and sets of their own where its text speaks of such. */
async function groupsOf({ tree, file, system }: Look): Promise<readonly (string | null)[]> {
  if (!file.flake) return [null];
  const text = (await tree.readText(file.path)) ?? '';
  const sets = ['dockerImages', 'containers'].filter((name) => text.includes(name));
  return [`packages.${system}`, ...sets.flatMap((name) => [`${name}.${system}`, name])];
}

const NOTHING: Found = { images: [], names: [] };

/** All attributes at once, or, where one of them cannot even be looked at, each on its own. */
async function inspectGroup(look: Look, group: string | null): Promise<Found | NixResult> {
  const result = await evaluate(look, group, INSPECT);
  if (result.exitCode === 0) {
    const inspected = answer(result, inspection);
    return inspected === undefined ? tooMuch(result) : readInspection(inspected, group);
  }
  if (isAbsent(result, group)) return NOTHING;
  const listed = await evaluate(look, group, NAMES);
  const names = answer(listed, attributeNames)?.map(quoted);
  if (names === undefined) return result;
  const first = [...names]
    .sort((a, b) => Number(isWellKnown(b)) - Number(isWellKnown(a)))
    .slice(0, MAX_SINGLE);
  const images: NixImage[] = [];
  for (const name of names.filter((each) => first.includes(each))) {
    const attribute = fullName(group, name);
    const single = await evaluate(look, attribute, INSPECT);
    const inspected = answer(single, inspection);
    if (inspected !== undefined) images.push(...readInspection(inspected, attribute).images);
  }
  return { images, names: names.map((name) => fullName(group, name)) };
}

/** A project can have as many attributes as it likes; that is no reason to stop for. */
function tooMuch(result: NixResult): NixResult {
  const text = 'it says more of itself than is read';
  return { ...result, errors: [{ type: 'message', level: 0, text, position: undefined }] };
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
