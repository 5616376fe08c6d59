import { basename } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { DogwoodError } from '../errors.ts';

/** Bytes of each output stream that are kept: the last ones, where a tool says what went wrong. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Milliseconds between asking a group to end and ending it. */
const GRACE_MS = 5_000;

export interface ProcessOptions {
  readonly cwd?: string | undefined;
  /** The whole environment of the process; undefined hands ours on. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Standard input; undefined is an empty one. */
  readonly input?: string | Uint8Array | Readable | undefined;
  /** Deadline in milliseconds; undefined is none. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly maxOutputBytes?: number | undefined;
  readonly graceMs?: number | undefined;
  readonly onOutput?: ((stream: 'stdout' | 'stderr', bytes: Uint8Array) => void) | undefined;
  /** Takes standard output, as fast as it is read; `stdout` of the result is then empty. It is ended with it. */
  readonly output?: Writable | undefined;
}

export interface ProcessResult {
  readonly exitCode: number;
  /** The last `maxOutputBytes` of it, as UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  /** True when the beginning of either was dropped. */
  readonly truncated: boolean;
}

/** Keeps the last bytes of a stream that nobody bounds. */
function createTail(limit: number) {
  let chunks: Uint8Array[] = [];
  let size = 0;
  let truncated = false;
  return {
    push(chunk: Uint8Array) {
      chunks.push(chunk);
      size += chunk.length;
      // Compacting only at twice the limit keeps this linear.
      if (size <= 2 * limit) return;
      chunks = [Buffer.concat(chunks).subarray(-limit)];
      size = limit;
      truncated = true;
    },
    get truncated() {
      return truncated || size > limit;
    },
    text: () => Buffer.concat(chunks).subarray(-limit).toString('utf8'),
  };
}

/** Signals every process of the group; a group that is gone already is what was wanted. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends the process group on abort or at the deadline: politely, then for good. A tool's own children are in the
 * group, so none of them outlives a cancelled build; nor does one outlive us, whichever way we exit.
 */
function superviseGroup(pid: number, options: ProcessOptions) {
  let stopped: 'aborted' | 'deadline' | undefined;
  let grace: NodeJS.Timeout | undefined;
  const stop = (why: 'aborted' | 'deadline') => {
    if (stopped !== undefined) return;
    stopped = why;
    signalGroup(pid, 'SIGTERM');
    grace = setTimeout(() => signalGroup(pid, 'SIGKILL'), options.graceMs ?? GRACE_MS);
  };
  const onAbort = () => stop('aborted');
  const onExit = () => signalGroup(pid, 'SIGKILL');
  const deadline =
    options.timeoutMs === undefined ? undefined : setTimeout(() => stop('deadline'), options.timeoutMs);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  process.once('exit', onExit);
  return {
    get stopped() {
      return stopped;
    },
    /** The leader is gone; what it left in its group goes with it. */
    sweep: () => signalGroup(pid, 'SIGKILL'),
    release() {
      clearTimeout(deadline);
      clearTimeout(grace);
      options.signal?.removeEventListener('abort', onAbort);
      process.removeListener('exit', onExit);
    },
  };
}

/** A message without the arguments: they may hold a secret. */
function startFailure(name: string, error: unknown): DogwoodError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ENOENT') return new DogwoodError('ENGINE_MISSING', `${name} was not found on the PATH`);
  if (code === 'EACCES') return new DogwoodError('ENGINE_MISSING', `${name} cannot be executed`);
  return new DogwoodError('ENGINE_FAILED', `${name} could not be started${code ? ` (${code})` : ''}`);
}

/**
 * Runs a tool in a process group of its own, without a shell.
 *
 * A non-zero exit code is a result: the caller knows what it means. Throws ENGINE_MISSING when the program is not
 * there, ENGINE_FAILED when a signal ended it, TIMEOUT at the deadline, and the signal's own reason on abort.
 * No error names an argument.
 */
export async function runProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  // A hundred modules, which most runs need none of.
  const { execa } = await import('execa');
  options.signal?.throwIfAborted();
  const name = basename(file);
  const child = execa(file, args, {
    detached: true,
    buffer: false,
    reject: false,
    stripFinalNewline: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env, extendEnv: false }),
    ...(typeof options.input === 'string' || options.input instanceof Uint8Array
      ? { input: options.input }
      : {}),
  });
  if (child.pid === undefined) {
    const failed = await child;
    throw startFailure(name, failed.cause ?? failed);
  }
  const group = superviseGroup(child.pid, options);
  const limit = options.maxOutputBytes ?? MAX_OUTPUT_BYTES;
  const [stdout, stderr] = [createTail(limit), createTail(limit)];
  const collect = (stream: 'stdout' | 'stderr', tail: typeof stdout) => (chunk: Uint8Array) => {
    tail.push(chunk);
    options.onOutput?.(stream, chunk);
  };
  // A stray child that holds our pipes would keep us waiting for an end that never comes.
  child.nodeChildProcess.once('exit', group.sweep);
  if (options.output === undefined) child.stdout?.on('data', collect('stdout', stdout));
  else if (child.stdout) drain(child.stdout, options.output);
  child.stderr?.on('data', collect('stderr', stderr));
  feed(child.stdin, options.input);
  try {
    const ended = await child;
    if (group.stopped === 'aborted')
      throw options.signal?.reason ?? new DogwoodError('CANCELLED', 'cancelled');
    if (group.stopped === 'deadline') {
      throw new DogwoodError('TIMEOUT', `${name} took longer than ${options.timeoutMs} ms`);
    }
    if (ended.exitCode === undefined) {
      throw new DogwoodError('ENGINE_FAILED', `${name} was ended by ${ended.signal ?? 'a signal'}`);
    }
    return {
      exitCode: ended.exitCode,
      stdout: stdout.text(),
      stderr: stderr.text(),
      truncated: stdout.truncated || stderr.truncated,
    };
  } finally {
    group.release();
  }
}

/** Who reads no further wants nothing more: what the tool still writes is thrown away, so that it can end. */
function drain(stdout: Readable, output: Writable): void {
  stdout.on('error', () => {});
  output.on('error', () => {});
  output.once('close', () => {
    stdout.unpipe(output);
    stdout.resume();
  });
  stdout.pipe(output);
}

/** A tool that stops reading early is no failure of the pipe: its exit code says what happened. */
function feed(stdin: NodeJS.WritableStream | null | undefined, input: ProcessOptions['input']): void {
  if (!stdin) return;
  stdin.on('error', () => {});
  if (typeof input === 'object' && 'pipe' in input) input.pipe(stdin);
}
