import { z } from 'zod';
import { createLineSplitter } from '../lines.ts';
import type { EngineProgress } from './engine.ts';
import { createSolveProgress, type SolveStatus } from './solve-status.ts';

/** Bytes of an engine's error that are kept. */
const MAX_TEXT = 64 * 1024;
/** Characters of one status: it holds what the steps printed since the one before. */
const MAX_STATUS = 4 * 1024 * 1024;

/** Reads what `--progress rawjson` writes to standard error: status in JSON lines, then perhaps an error as text. */
export function createSolveOutput(onProgress: (progress: EngineProgress) => void) {
  const progress = createSolveProgress(onProgress);
  let text = '';
  const lines = createLineSplitter((line) => {
    const status = line.startsWith('{') ? parse(line) : undefined;
    if (status !== undefined) progress.push(status);
    else text = `${text}${line}\n`.slice(-MAX_TEXT);
  }, MAX_STATUS);
  return {
    push: lines.push,
    /** All that was no status. */
    text(): string {
      lines.end();
      return text;
    },
    failed: () => progress.failed,
    end() {
      lines.end();
      progress.end();
    },
  };
}

/** Go leaves out what is empty, or writes null. */
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((found) => found ?? undefined);
const text = z
  .string()
  .nullish()
  .transform((found) => found ?? undefined);

const solveStatus = z.object({
  vertexes: list(
    z.object({
      digest: z.string(),
      name: text.transform((found) => found ?? ''),
      inputs: list(z.string()),
      started: text,
      completed: text,
      cached: z
        .boolean()
        .nullish()
        .transform((found) => found ?? undefined),
      error: text,
    }),
  ),
  logs: list(
    z.object({
      vertex: z.string(),
      stream: z
        .number()
        .nullish()
        .transform((found) => found ?? 1),
      data: text.transform((found) => found ?? ''),
    }),
  ),
  warnings: list(z.object({ short: text })),
});

/** Undefined where it is no status: then it is text. */
function parse(line: string): SolveStatus | undefined {
  try {
    return solveStatus.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
