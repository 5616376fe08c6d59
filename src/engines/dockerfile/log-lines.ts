import { StringDecoder } from 'node:string_decoder';
import type { EngineProgress } from './engine.ts';

/** Lines of a step that are kept for the message, when it fails. */
const KEPT_LINES = 20;
/** Characters of a line; what is longer is a progress bar or no text. */
const MAX_LINE = 8192;

interface Stream {
  readonly decoder: StringDecoder;
  pending: string;
}

/** Puts the pieces of output together that an engine reports by step, and remembers the last lines of each. */
export function createLogLines(onProgress: (progress: EngineProgress) => void) {
  const streams = new Map<string, Stream>();
  const last = new Map<string, string[]>();
  const say = (id: string, stream: 'stdout' | 'stderr', text: string) => {
    // Of a line that was written over itself, what stands there at last.
    const line = text.replace(/\r+$/, '').replace(/^.*\r/s, '').slice(0, MAX_LINE);
    const lines = last.get(id) ?? [];
    lines.push(line);
    last.set(id, lines.slice(-KEPT_LINES));
    onProgress({ kind: 'log', id, stream, line });
  };
  return {
    push(id: string, stream: 'stdout' | 'stderr', bytes: Uint8Array) {
      const key = `${stream} ${id}`;
      const state = streams.get(key) ?? { decoder: new StringDecoder('utf8'), pending: '' };
      streams.set(key, state);
      const lines = (state.pending + state.decoder.write(Buffer.from(bytes))).split('\n');
      state.pending = (lines.pop() ?? '').slice(-MAX_LINE);
      for (const line of lines) say(id, stream, line);
    },
    /** The step is over: what is left is a line, too. */
    end(id: string) {
      for (const stream of ['stdout', 'stderr'] as const) {
        const state = streams.get(`${stream} ${id}`);
        if (state !== undefined && state.pending !== '') say(id, stream, state.pending);
        streams.delete(`${stream} ${id}`);
      }
    },
    last: (id: string): readonly string[] => last.get(id) ?? [],
  };
}

/** Splits a stream of bytes into lines; `end` gives what is left. */
export function createLineSplitter(onLine: (line: string) => void) {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  return {
    push(bytes: Uint8Array) {
      const lines = (pending + decoder.write(Buffer.from(bytes))).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    },
    end() {
      if (pending !== '') onLine(pending);
      pending = '';
    },
  };
}
