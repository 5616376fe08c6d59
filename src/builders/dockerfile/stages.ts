import type { Platform } from '../../oci/descriptor.ts';
import { type Directives, invalid, readDirectives } from './directives.ts';
import { type Expanded, expand, type Variables } from './expand.ts';
import { type Instruction, readInstructions } from './instructions.ts';

/** One FROM and what follows it. */
export interface Stage {
  readonly index: number;
  /** In small letters; undefined where it has none. */
  readonly name: string | undefined;
  /** What it is built from, with the arguments of the file's head filled in. */
  readonly base: Expanded;
  /** The earlier stage that it is built from. */
  readonly parent: Stage | undefined;
  readonly from: Instruction;
  /** Without FROM. */
  readonly instructions: readonly Instruction[];
}

/** A Dockerfile, read as far as a plan needs it. */
export interface Dockerfile {
  readonly text: string;
  readonly directives: Directives;
  readonly stages: readonly Stage[];
}

/** Arguments that BuildKit sets itself, of the platform that is built for. */
export function platformArguments(platform: Platform): Readonly<Record<string, string>> {
  const variant = platform.variant === undefined ? '' : `/${platform.variant}`;
  return {
    TARGETPLATFORM: `${platform.os}/${platform.architecture}${variant}`,
    TARGETOS: platform.os,
    TARGETARCH: platform.architecture,
    TARGETVARIANT: platform.variant ?? '',
  };
}

/**
 * Reads a Dockerfile into its stages. Throws DOCKERFILE_INVALID with the line.
 *
 * @param given the build arguments' values
 */
export function readDockerfile(
  text: string,
  given: Readonly<Record<string, string>>,
  platform: Platform,
): Dockerfile {
  const directives = readDirectives(text);
  const instructions = readInstructions(text, directives);
  const head = new Map(Object.entries(platformArguments(platform)));
  const stages: Stage[] = [];
  let current: { stage: Stage; instructions: Instruction[] } | undefined;
  for (const instruction of instructions) {
    if (instruction.keyword === 'FROM') {
      const own: Instruction[] = [];
      const stage = readFrom(instruction, stages, own, (name) => head.get(name), directives);
      stages.push(stage);
      current = { stage, instructions: own };
    } else if (current !== undefined) current.instructions.push(instruction);
    else if (instruction.keyword === 'ARG') readHeadArgument(instruction, head, given, directives);
    else throw invalid(instruction.line, `${instruction.keyword} stands before the first FROM`);
  }
  if (stages.length === 0) throw invalid(0, 'there is no FROM');
  return { text, directives, stages };
}

function readHeadArgument(
  { rest }: Instruction,
  head: Map<string, string>,
  given: Readonly<Record<string, string>>,
  { escapeToken }: Directives,
): void {
  for (const [, name = '', value] of rest.matchAll(
    /([A-Za-z_][A-Za-z0-9_]*)(?:=((?:"[^"]*"|'[^']*'|\S)*))?/g,
  )) {
    const written = value === undefined ? undefined : expand(value, (each) => head.get(each), escapeToken);
    const known = given[name] ?? (written?.partial === false ? written.text : undefined);
    if (known !== undefined) head.set(name, known);
  }
}

function readFrom(
  from: Instruction,
  earlier: readonly Stage[],
  instructions: readonly Instruction[],
  variables: Variables,
  { escapeToken }: Directives,
): Stage {
  const [reference = '', as, name, ...more] = from.rest.split(/\s+/);
  const named = as !== undefined;
  if (reference === '' || more.length > 0 || (named && (as.toLowerCase() !== 'as' || name === undefined))) {
    throw invalid(from.line, 'FROM takes IMAGE, or IMAGE AS NAME');
  }
  if (name !== undefined && !/^[a-z][a-z0-9._-]*$/i.test(name)) {
    throw invalid(from.line, `${name.slice(0, 40)} is no name of a stage`);
  }
  const base = expand(reference, variables, escapeToken);
  const parent = earlier.findLast((stage) => stage.name === base.text.toLowerCase());
  return { index: earlier.length, name: name?.toLowerCase(), base, parent, from, instructions };
}

/** The stage with that name or number, or the last one; undefined where there is none. */
export function findStage({ stages }: Dockerfile, target: string | undefined): Stage | undefined {
  if (target === undefined) return stages.at(-1);
  return (
    stages.find(({ name }) => name === target.toLowerCase()) ??
    (/^[0-9]+$/.test(target) ? stages[Number(target)] : undefined)
  );
}

/** The stage and all that it is built from, the first one first. */
export function chainOf(stage: Stage): readonly Stage[] {
  return stage.parent === undefined ? [stage] : [...chainOf(stage.parent), stage];
}

/** The images from outside that a stage needs: its base, and what is copied or mounted from. In the file's order. */
export function outsideImages(dockerfile: Dockerfile, target: Stage): readonly Expanded[] {
  const seen = new Set<Stage>();
  const images = new Map<string, Expanded>();
  const visit = (stage: Stage): void => {
    if (seen.has(stage)) return;
    seen.add(stage);
    if (stage.parent !== undefined) visit(stage.parent);
    else if (stage.base.text !== 'scratch') images.set(stage.base.text, stage.base);
    for (const from of stage.instructions.flatMap(copiedFrom)) {
      const source = findStage({ ...dockerfile, stages: dockerfile.stages.slice(0, stage.index) }, from);
      if (source !== undefined) visit(source);
      else images.set(from, { text: from, partial: from.includes('$') });
    }
  };
  visit(target);
  return [...images.values()];
}

function copiedFrom({ keyword, flags }: Instruction): readonly string[] {
  if (keyword === 'COPY' || keyword === 'ADD') {
    return flags.flatMap(({ name, value }) => (name === 'from' && value ? [value] : []));
  }
  return flags.flatMap(({ name, value }) => {
    const from = name === 'mount' ? /(?:^|,)from=([^,]+)/.exec(value ?? '')?.[1] : undefined;
    return from === undefined ? [] : [from];
  });
}

/** The line, from 1, of the instruction that an engine's step repeats; undefined where several would do, or none. */
export function lineOf({ stages }: Dockerfile, step: string): number | undefined {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim().toLowerCase();
  const wanted = plain(step.replace(/^\[[^\]]*\] /, ''));
  const found = stages
    .flatMap(({ from, instructions }) => [from, ...instructions])
    .filter(({ text }) => plain(text) === wanted);
  const [only] = found;
  return found.length === 1 && only !== undefined ? only.line + 1 : undefined;
}
