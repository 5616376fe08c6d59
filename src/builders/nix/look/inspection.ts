import { z } from 'zod';
import type { NixResult } from '../../../engines/nix/nix.ts';
import { imageOutput, type NixImage } from './image.ts';

/** JSON in JSON: `INSPECT` says why. */
const derivationFacts = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(
    z.object({
      name: z.string().nullable(),
      imageName: z.string().nullable(),
      isExe: z.boolean(),
      copyTo: z.boolean(),
    }),
  )
  .nullable();
/** What `INSPECT` evaluates to. */
export const inspection = z.object({
  self: derivationFacts,
  attributes: z.record(z.string(), derivationFacts),
  nested: z.record(z.string(), z.record(z.string(), derivationFacts)),
});
/** What `NAMES` evaluates to. */
export const attributeNames = z.array(z.string());

type Inspection = z.infer<typeof inspection>;

/** Images, and the names of all derivations. */
export interface Found {
  readonly images: readonly NixImage[];
  readonly names: readonly string[];
}

/** What Nix answered; undefined where it failed, and for an answer so long that its beginning was not kept. */
export function answer<T>({ exitCode, stdout }: NixResult, schema: z.ZodType<T>): T | undefined {
  if (exitCode !== 0) return undefined;
  try {
    return schema.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}

/** The images in what was inspected below `group`. */
export function readInspection({ self, attributes, nested }: Inspection, group: string | null): Found {
  const all = [
    [group, self] as const,
    ...Object.entries(attributes).map(([name, facts]) => [fullName(group, quoted(name)), facts] as const),
    ...Object.entries(nested).flatMap(([outer, inner]) =>
      Object.entries(inner).map(
        ([name, facts]) => [fullName(group, `${quoted(outer)}.${quoted(name)}`), facts] as const,
      ),
    ),
  ];
  const known = all.flatMap(([name, facts]) => (facts === null ? [] : [[name, facts] as const]));
  return {
    names: known.map(([name]) => name).filter((name) => name !== null),
    images: known.flatMap(([attribute, facts]) => {
      const output = imageOutput(facts);
      return output === undefined ? [] : [{ attribute, output }];
    }),
  };
}

/** The attribute path of a name in a group. */
export function fullName(group: string | null, name: string): string {
  return group === null ? name : `${group}.${name}`;
}

/** Names with dots in them are quoted in attribute paths. */
export function quoted(name: string): string {
  return name.includes('.') ? JSON.stringify(name) : name;
}
