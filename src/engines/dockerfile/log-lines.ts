import { createLineSplitter, createLineTail, type LineSplitter } from '../lines.ts';
import type { EngineProgress } from './engine.ts';

/** Lines of a step that are kept for the message, when it fails. */
const KEPT_LINES = 20;
/** Characters of a line; what is longer is a progress bar or no text. */
const MAX_LINE = 8192;

/** Puts the pieces of output together that an engine reports by step, and remembers the last lines of each. */
export function createLogLines(onProgress: (progress: EngineProgress) => void) {
  const streams = new Map<string, LineSplitter>();
  const tails = new Map<string, ReturnType<typeof createLineTail>>();
  const say = (id: string, stream: 'stdout' | 'stderr', text: string) => {
    // Of a line that was written over itself, what stands there at last.
    const line = text.replace(/\r+$/, '').replace(/^.*\r/s, '');
    const tail = tails.get(id) ?? createLineTail(KEPT_LINES);
    tails.set(id, tail);
    tail.push(line);
    onProgress({ kind: 'log', id, stream, line });
  };
  return {
    push(id: string, stream: 'stdout' | 'stderr', bytes: Uint8Array) {
      const key = `${stream} ${id}`;
      const lines = streams.get(key) ?? createLineSplitter((line) => say(id, stream, line), MAX_LINE);
      streams.set(key, lines);
      lines.push(bytes);
    },
    /** The step is over: what is left is a line, too. */
    end(id: string) {
      for (const stream of ['stdout', 'stderr'] as const) {
        streams.get(`${stream} ${id}`)?.end();
        streams.delete(`${stream} ${id}`);
      }
    },
    last: (id: string): readonly string[] => tails.get(id)?.lines() ?? [],
  };
}
