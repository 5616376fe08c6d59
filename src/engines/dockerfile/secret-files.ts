import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineRun, EngineSecret } from './engine.ts';

/** Secrets where a tool of the command line finds them: nothing of their values is in an argument. */
export interface HandedSecrets {
  /** What the tool's environment needs besides. */
  readonly variables: Readonly<Record<string, string>>;
  readonly places: readonly (
    | { readonly id: string; readonly env: string }
    | { readonly id: string; readonly file: string }
  )[];
}

/**
 * A text goes into the environment of the one process; what cannot be in there (or not well) goes into a file that
 * only we may read, in a folder that is removed with the run.
 */
export async function handOverSecrets(
  secrets: readonly EngineSecret[],
  run: EngineRun,
): Promise<HandedSecrets> {
  const variables: Record<string, string> = {};
  const places: HandedSecrets['places'][number][] = [];
  let folder: string | undefined;
  for (const [index, { id, value }] of secrets.entries()) {
    const text = environmentText(value);
    if (text !== undefined) {
      const env = `DOGWOOD_SECRET_${index}`;
      variables[env] = text;
      places.push({ id, env });
      continue;
    }
    folder ??= await run.makeFolder();
    const file = join(folder, `secret-${index}`);
    await writeFile(file, value, { mode: 0o600 });
    places.push({ id, file });
  }
  return { variables, places };
}

/** Linux takes 128 KiB in one variable; half of that leaves room for its name and others. */
const MAX_VARIABLE_BYTES = 64 * 1024;

function environmentText(value: Uint8Array): string | undefined {
  if (value.length === 0 || value.length > MAX_VARIABLE_BYTES || value.includes(0)) return undefined;
  const text = Buffer.from(value).toString('utf8');
  return Buffer.from(text, 'utf8').equals(value) ? text : undefined;
}

/** As `buildctl`, `buildx` and Buildah take them. */
export function secretFlags({ places }: HandedSecrets): readonly string[] {
  return places.flatMap((place) => [
    '--secret',
    'env' in place ? `id=${place.id},env=${place.env}` : `id=${place.id},src=${place.file}`,
  ]);
}
