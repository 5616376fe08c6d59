import { splitFields, writeFields } from './flags.ts';
import type { Instruction } from './instructions.ts';
import type { Dockerfile } from './stages.ts';

/** `RUN --mount=type=secret,...`, as the file has it. */
export interface SecretMount {
  readonly instruction: Instruction;
  /** The secret's name; with a `$` in it nobody knows it before the build. */
  readonly id: string;
  readonly required: boolean;
  /** The fields of the mount, what BuildKit would derive from the secret's name filled in. */
  readonly fields: readonly string[];
  readonly places: readonly { readonly offset: number; readonly length: number }[];
}

const ID_KEYS = new Set(['id', 'source', 'src']);
const TARGET_KEYS = new Set(['target', 'dst', 'destination']);

const keyOf = (field: string): string => (field.split('=', 1)[0] ?? '').toLowerCase();
const textOf = (field: string): string => field.slice(field.indexOf('=') + 1);
const baseName = (path: string): string => path.replace(/\/+$/, '').replace(/^.*\//, '');

/** Every mount of a secret in a Dockerfile (dockerfile reference, "RUN --mount=type=secret"). */
export function secretMounts({ stages }: Dockerfile): readonly SecretMount[] {
  return stages
    .flatMap(({ instructions }) => instructions)
    .filter(({ keyword }) => keyword === 'RUN')
    .flatMap((instruction) =>
      instruction.flags.flatMap(({ name, value, places }) => {
        const mount = name === 'mount' ? readMount(value ?? '') : undefined;
        return mount === undefined ? [] : [{ ...mount, instruction, places }];
      }),
    );
}

function readMount(value: string): Omit<SecretMount, 'instruction' | 'places'> | undefined {
  const fields = splitFields(value);
  if (!fields.some((field) => keyOf(field) === 'type' && textOf(field).toLowerCase() === 'secret')) {
    return undefined;
  }
  const named = fields.filter((field) => ID_KEYS.has(keyOf(field)));
  const target = fields.findLast((field) => TARGET_KEYS.has(keyOf(field)));
  const id = named.length > 0 ? textOf(named.at(-1) ?? '') : baseName(textOf(target ?? ''));
  if (id === '') return undefined;
  const required = fields.some((field) => /^required(?:=(?:1|t|true))?$/i.test(field));
  const whole = named.length > 0 ? fields : [...fields, `id=${id}`];
  const placed = target !== undefined || fields.some((field) => keyOf(field) === 'env');
  // Buildah 1.28 crashes at a `required` without a value.
  const spelled = whole.map((field) => (/^required$/i.test(field) ? 'required=true' : field));
  return { id, required, fields: placed ? spelled : [...spelled, `target=/run/secrets/${baseName(id)}`] };
}

/**
 * The Dockerfile with other names for its secrets. A secret's name is part of what BuildKit recognises a step by, its
 * value is not: with a name that changes with the value, exactly the steps that mount a changed secret run again.
 *
 * @param names by what the file calls them
 */
export function renameSecrets(
  { text, directives }: Dockerfile,
  mounts: readonly SecretMount[],
  names: ReadonlyMap<string, string>,
): string {
  const edits = mounts.flatMap(({ id, fields, places }) => {
    const name = names.get(id);
    if (name === undefined) return [];
    const renamed = fields.map((field) => (ID_KEYS.has(keyOf(field)) ? `id=${name}` : field));
    const flag = writeFields('mount', renamed, directives.escapeToken);
    // Of a flag that goes on in the next line, the first piece is replaced and the others go: lines keep their number.
    return places.map((place, index) => ({ ...place, text: index === 0 ? flag : '' }));
  });
  return edits
    .toSorted((a, b) => b.offset - a.offset)
    .reduce(
      (result, { offset, length, text: piece }) =>
        result.slice(0, offset) + piece + result.slice(offset + length),
      text,
    );
}
