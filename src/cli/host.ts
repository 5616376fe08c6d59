import type { Readable, Writable } from 'node:stream';
import type { PipelineLoader } from './pipeline-loader.ts';

/** Standard output or error: a terminal, a pipe or a file. */
export type Output = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

export type Input = Readable & {
  readonly isTTY?: boolean | undefined;
  setRawMode?(raw: boolean): unknown;
};

/** The process around a command. `main.ts` makes the real one; tests bring their own. */
export interface CliHost {
  readonly version: string;
  /** What stands behind the program's name. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, where there is one. */
  readonly userHome: string | undefined;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Milliseconds, monotonic. */
  clock(): number;
  /** Wall clock; names log files, nothing else. */
  now(): Date;
  /** Calls back every so many milliseconds until stopped; does not keep the program alive. */
  every(milliseconds: number, callback: () => void): () => void;
  /** Aborted by the first Ctrl-C or SIGTERM, with the CANCELLED error as its reason. */
  readonly interrupted: AbortSignal;
  /**
   * Hands signals on to the receiver (an application that runs in a container) until given back. The second one
   * interrupts all the same.
   */
  redirectSignals(receiver: (signal: NodeJS.Signals) => void): () => void;
  readonly pipeline: PipelineLoader;
}
