import { StringDecoder } from 'node:string_decoder';

/** Characters of a line that are kept: what is longer is a bar of progress, or no text. */
const MAX_LINE = 16 * 1024;

export interface LineSplitter {
  push(bytes: Uint8Array): void;
  /** What is left without a line end is a line, too. */
  end(): void;
}

/**
 * Splits what a tool writes into lines. Of a longer line than `maxLine` characters the end is given: nobody bounds what
 * a tool writes without a line end.
 */
export function createLineSplitter(onLine: (line: string) => void, maxLine = MAX_LINE): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  return {
    push(bytes) {
      const lines = (pending + decoder.write(Buffer.from(bytes))).split('\n');
      pending = (lines.pop() ?? '').slice(-maxLine);
      for (const line of lines) onLine(line.replace(/\r$/, '').slice(-maxLine));
    },
    end() {
      const rest = pending + decoder.end();
      pending = '';
      if (rest !== '') onLine(rest);
    },
  };
}

/** The last lines of many, for the message when something fails. */
export function createLineTail(limit: number) {
  let lines: string[] = [];
  return {
    push(line: string): void {
      lines.push(line);
      if (lines.length > limit) lines.shift();
    },
    clear(): void {
      lines = [];
    },
    lines: (): readonly string[] => [...lines],
  };
}
