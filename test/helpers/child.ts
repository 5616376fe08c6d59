import { type ChildProcess, spawn } from 'node:child_process';

/** A module of the tests run by a Node process of its own, for tests that kill it or want several at once. */
export interface Child {
  readonly process: ChildProcess;
  /** Lines of its standard output, as they come. */
  lines(): AsyncIterableIterator<string>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export function runModule(path: string, args: readonly string[]): Child {
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 0));
  });
  return {
    process: child,
    ended,
    async *lines() {
      let rest = '';
      for await (const chunk of child.stdout) {
        const parts = `${rest}${chunk}`.split('\n');
        rest = parts.pop() ?? '';
        yield* parts;
      }
    },
  };
}
