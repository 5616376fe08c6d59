import { z } from 'zod';
import type { ImageConfig } from '../oci/documents.ts';
import type { ImageProcesses } from './start.ts';

/** Label that holds an image's process types and their commands as JSON. */
export const PROCESSES_LABEL = 'dogwood.processes';
/** The lifecycle's own (buildpacks spec, platform.md, `io.buildpacks.build.metadata`). */
const BUILDPACKS_LABEL = 'io.buildpacks.build.metadata';

const ours = z.record(z.string(), z.string());
const text = z.union([z.string(), z.array(z.string())]).nullish();
const buildpacks = z.object({
  processes: z
    .array(z.object({ type: z.string(), command: text, args: text, direct: z.boolean().nullish() }))
    .nullish(),
});

/** The process types that an image says it has; none for images that neither we nor buildpacks made. */
export function readImageProcesses(config: ImageConfig): ImageProcesses {
  const labels = config.config?.Labels ?? {};
  const own = readLabel(labels[PROCESSES_LABEL], ours);
  if (own !== undefined) return { contract: 'launcher', commands: own };
  const metadata = readLabel(labels[BUILDPACKS_LABEL], buildpacks);
  if (metadata === undefined) return { contract: 'none', commands: {} };
  const commands = (metadata.processes ?? []).map(({ type, command, args, direct }) => {
    const line = shellLine([command ?? [], args ?? []].flat(), direct);
    if (line !== undefined) return [type, line] as const;
    const words = [args ?? []].flat().map(quote);
    // A command that is a string, or is not run directly, is a line for a shell; the arguments stand behind it.
    const isLine = typeof command === 'string' || direct === false;
    const start = [command ?? []].flat().map((word) => (isLine ? word : quote(word)));
    return [type, [...start, ...words].join(' ')] as const;
  });
  return { contract: 'buildpacks', commands: Object.fromEntries(commands) };
}

/** The line that bash is given, as a Procfile has it; undefined for any other command. */
function shellLine(words: readonly string[], direct: boolean | null | undefined): string | undefined {
  const [shell, flag, line] = words;
  return direct !== false && words.length === 3 && shell === 'bash' && flag === '-c' ? line : undefined;
}

/** A word as a shell reads it back. */
const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Anyone may set a label of that name; what cannot be read is not ours. */
function readLabel<T>(label: string | undefined, schema: z.ZodType<T>): T | undefined {
  try {
    return label === undefined ? undefined : schema.parse(JSON.parse(label));
  } catch {
    return undefined;
  }
}
