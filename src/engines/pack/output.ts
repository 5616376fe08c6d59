import { createLineSplitter, createLineTail } from '../lines.ts';

/** The phases of a lifecycle as they announce themselves. */
export type PackPhase = 'analyze' | 'detect' | 'restore' | 'generate' | 'build' | 'extend' | 'export';

const HEADERS: Readonly<Record<string, PackPhase>> = {
  ANALYZING: 'analyze',
  DETECTING: 'detect',
  RESTORING: 'restore',
  GENERATING: 'generate',
  BUILDING: 'build',
  'EXTENDING (BUILD)': 'extend',
  'EXTENDING (RUN)': 'extend',
  EXPORTING: 'export',
};
const HEADER = /^===> ([A-Z ()]+)$/;
/** Each line of a phase that has a container of its own says which it is. */
const PREFIX = /^\[(?:analyzer|detector|restorer|builder|exporter|extender \((?:build|run)\))\] ?/;

/** Lines of the phase that are kept for a message. */
const LAST_LINES = 20;

/** How the exporter says that the image is in the engine; it fills the caches afterwards. */
const SAVED = /^\*\*\* Images \(([^)]*)\)/;

export interface PackListener {
  readonly onPhase?: ((phase: PackPhase) => void) | undefined;
  /**
   * The image is where it was to go, while pack is not yet done; `digest` is that of its manifest in a registry, or
   * the beginning of its id. A hint: a buildpack can print the same.
   */
  readonly onSaved?: ((digest: string) => void) | undefined;
  /** `phase` is undefined before the first. */
  readonly onLine?:
    | ((line: string, stream: 'stdout' | 'stderr', phase: PackPhase | undefined) => void)
    | undefined;
}

/** Cuts what pack prints into lines and phases. */
export function packOutput(listener: PackListener) {
  let phase: PackPhase | undefined;
  const tail = createLineTail(LAST_LINES);
  let code: number | undefined;
  const take = (text: string, stream: 'stdout' | 'stderr'): void => {
    const line = text.replace(PREFIX, '').trimEnd();
    const next = HEADERS[HEADER.exec(line)?.[1] ?? ''];
    if (next !== undefined) {
      phase = next;
      tail.clear();
      listener.onPhase?.(next);
      return;
    }
    const ended = /failed with status code: (\d+)$/.exec(line)?.[1];
    if (stream === 'stderr' && ended !== undefined) code = Number(ended);
    const saved = phase === 'export' ? SAVED.exec(line)?.[1] : undefined;
    if (saved !== undefined) listener.onSaved?.(saved);
    tail.push(line);
    listener.onLine?.(line, stream, phase);
  };
  const streams = {
    stdout: createLineSplitter((line) => take(line, 'stdout')),
    stderr: createLineSplitter((line) => take(line, 'stderr')),
  };
  return {
    write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
      streams[stream].push(bytes);
    },
    /** What is left without a line end, and what came of it all. */
    end(): {
      readonly phase: PackPhase | undefined;
      readonly lastLines: readonly string[];
      readonly code: number | undefined;
    } {
      streams.stdout.end();
      streams.stderr.end();
      return { phase, lastLines: tail.lines().filter((line) => line !== ''), code };
    },
  };
}
