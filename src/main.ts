import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { CliHost, Output } from './cli/host.ts';
import { pipelineLoader } from './cli/pipeline-loader.ts';
import { runProgram } from './cli/program.ts';
import { DogwoodError, ERRORS } from './errors.ts';

// The only file that reads the environment and the arguments, takes signals and exits.

/**
 * Milliseconds after which V8's space for new objects grows no more; in a run of some seconds it would reach 64 MiB.
 * That makes nothing faster here: what a conversion makes dies at once. While modules load, what is made stays, and
 * collecting often would cost a short run more than it saves.
 */
const GROWING_MS = 500;
setTimeout(() => {
  const v8 = process.getBuiltinModule('node:v8');
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  // Buffers are collected with new objects, of which large files need few: up to 64 MiB (twice this flag's 32) of
  // dead buffers would lie about. V8 complains aloud of a flag it does not know, so only where it was tried (Node 24).
  if (process.versions.v8.startsWith('13.6.'))
    v8.setFlagsFromString('--scavenger-max-new-space-capacity-mb=4');
}, GROWING_MS).unref();

const interrupt = new AbortController();
let signalReceiver: ((signal: NodeJS.Signals) => void) | undefined;
let signalsTaken = 0;
/** Why what was to be printed is not there, such as a full disk behind `> result.json`. */
let outputError: Error | undefined;

/** The first one cancels (or goes to the application that runs), the next one insists. */
function onSignal(signal: NodeJS.Signals): void {
  signalsTaken++;
  if (signalReceiver !== undefined && signalsTaken === 1) {
    signalReceiver(signal);
    return;
  }
  if (interrupt.signal.aborted) process.exit(ERRORS.CANCELLED.exitCode);
  interrupt.abort(new DogwoodError('CANCELLED', `cancelled by ${signal}`));
}

/** Whoever stopped reading (`build inspect X | head`) does not want the rest; that is no failure. */
function onOutputError(error: NodeJS.ErrnoException): void {
  // EIO: the terminal itself went away.
  if (error.code === 'EPIPE' || error.code === 'EIO' || error.code === 'ERR_STREAM_DESTROYED') return;
  outputError ??= error;
}

/** What nobody caught is a bug of ours, unless the table knows better. */
function crash(error: unknown): void {
  import('./cli/failure.ts').then(
    ({ reportFailure }) => process.exit(reportFailure(host, error)),
    () => process.exit(ERRORS.INTERNAL.exitCode),
  );
}

function flushed(output: Output): Promise<void> {
  if (output.destroyed || output.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => output.write('', () => resolve()));
}

/** The passwd file knows a home where HOME is not set; a container's user may be in neither. */
function findUserHome(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

const host: CliHost = {
  get version() {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  },
  arguments: process.argv.slice(2),
  environment: process.env,
  userHome: findUserHome(),
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  clock: () => performance.now(),
  now: () => new Date(),
  every(milliseconds, callback) {
    const timer = setInterval(callback, milliseconds).unref();
    return () => clearInterval(timer);
  },
  interrupted: interrupt.signal,
  redirectSignals(receiver) {
    signalReceiver = receiver;
    return () => {
      signalReceiver = undefined;
    };
  },
  pipeline: pipelineLoader,
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
process.on('uncaughtException', crash);
process.stdout.on('error', onOutputError);
// Progress that cannot be shown is no reason to stop, and there is nowhere left to say so.
process.stderr.on('error', () => {});

/** Without await at the top: CommonJS, which the program is bundled as, has none. */
async function main(): Promise<void> {
  const exitCode = await runProgram(host);
  await Promise.all([flushed(host.stdout), flushed(host.stderr)]);
  // A file is written to at once, and what went wrong is told a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  if (exitCode === 0 && outputError !== undefined) crash(outputError);
  else process.exit(exitCode);
}

// For a run that comes to no end: Node leaves when nothing is left to wait for.
process.exitCode = ERRORS.INTERNAL.exitCode;
void main();
