import { StringDecoder } from 'node:string_decoder';

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

/** Characters of a line that are kept; a bar of progress without line ends is not a log. */
const MAX_LINE = 16 * 1024;
/** Lines of the phase that are kept for a message. */
const LAST_LINES = 20;

/** How the exporter says that the image is in the engine; it fills the caches afterwards. */
const SAVED = /^\*\*\* Images \(/;

export interface PackListener {
  readonly onPhase?: ((phase: PackPhase) => void) | undefined;
  /** The image is where it was to go, while pack is not yet done. A hint: a buildpack can print the same. */
  readonly onSaved?: (() => void) | undefined;
  /** `phase` is undefined before the first. */
  readonly onLine?:
    | ((line: string, stream: 'stdout' | 'stderr', phase: PackPhase | undefined) => void)
    | undefined;
}

/** Cuts what pack prints into lines and phases. */
export function packOutput(listener: PackListener) {
  let phase: PackPhase | undefined;
  let last: string[] = [];
  let code: number | undefined;
  const take = (text: string, stream: 'stdout' | 'stderr'): void => {
    const line = text.replace(PREFIX, '').trimEnd();
    const next = HEADERS[HEADER.exec(line)?.[1] ?? ''];
    if (next !== undefined) {
      phase = next;
      last = [];
      listener.onPhase?.(next);
      return;
    }
    const ended = /failed with status code: (\d+)$/.exec(line)?.[1];
    if (stream === 'stderr' && ended !== undefined) code = Number(ended);
    if (phase === 'export' && SAVED.test(line)) listener.onSaved?.();
    last = [...last.slice(1 - LAST_LINES), line];
    listener.onLine?.(line, stream, phase);
  };
  const streams = { stdout: lineCutter(), stderr: lineCutter() };
  return {
    write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
      for (const line of streams[stream].push(bytes)) take(line, stream);
    },
    /** What is left without a line end, and what came of it all. */
    end(): {
      readonly phase: PackPhase | undefined;
      readonly lastLines: readonly string[];
      readonly code: number | undefined;
    } {
      for (const stream of ['stdout', 'stderr'] as const) {
        for (const line of streams[stream].end()) take(line, stream);
      }
      return { phase, lastLines: last.filter((line) => line !== ''), code };
    },
  };
}

function lineCutter() {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  return {
    push(bytes: Uint8Array): readonly string[] {
      const lines = (pending + decoder.write(Buffer.from(bytes))).split('\n');
      pending = (lines.pop() ?? '').slice(-MAX_LINE);
      return lines.map((line) => line.slice(-MAX_LINE));
    },
    end(): readonly string[] {
      const rest = pending + decoder.end();
      pending = '';
      return rest === '' ? [] : [rest];
    },
  };
}
