import { closeSync, mkdirSync, openSync, readdirSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../log.ts';
import { escapeControl, terminalJson } from './output/escape.ts';

/** Logs of that many runs are kept. */
const KEPT_LOGS = 50;

/** The full plain log of one run, in a file that outlives it. */
export interface RunLog extends Logger {
  /** Path of the file; undefined while nothing was written, or where nothing can be. */
  readonly path: string | undefined;
  line(text: string): void;
  /** Text of several lines, such as a stack. */
  text(text: string): void;
  close(): void;
}

export interface RunLogOptions {
  /** `$DOGWOOD_HOME/logs`. */
  readonly folder: () => string;
  readonly command: string;
  readonly now: () => Date;
  readonly pid: number;
}

/**
 * A log that opens its file with the first line. Writing is synchronous, so that a crash loses nothing; a disk that
 * is full or a folder that cannot be written never fails the run it tells of.
 */
export function createRunLog(options: RunLogOptions): RunLog {
  let file: number | undefined;
  let path: string | undefined;
  let broken = false;
  const stamp = () => options.now().toISOString();
  const append = (text: string) => {
    if (broken) return;
    try {
      if (file === undefined) {
        const folder = options.folder();
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        removeOldLogs(folder);
        path = join(folder, `${stamp().replaceAll(':', '-')}-${options.command}-${options.pid}.log`);
        file = openSync(path, 'a', 0o600);
      }
      writeSync(file, text);
    } catch {
      broken = true;
      if (file === undefined) path = undefined;
    }
  };
  const line = (text: string) => append(`${stamp()} ${escapeControl(text)}\n`);
  const entry = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    line(`${level} ${message}${fields === undefined ? '' : ` ${terminalJson(fields)}`}`);
  return {
    get path() {
      return path;
    },
    line,
    text: (text) => text.split('\n').forEach(line),
    debug: entry('debug'),
    info: entry('info'),
    warn: entry('warn'),
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
      broken = true;
    },
  };
}

/** Names begin with the time, so their order is the age; what others put there is left alone. */
function removeOldLogs(folder: string): void {
  const logs = readdirSync(folder).filter((name) => /^\d{4}-\d{2}-\d{2}T.*\.log$/.test(name));
  for (const name of logs.sort().slice(0, Math.max(0, logs.length - KEPT_LOGS + 1))) {
    try {
      unlinkSync(join(folder, name));
    } catch {
      // Another run of ours was quicker.
    }
  }
}
