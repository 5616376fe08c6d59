import { PassThrough } from 'node:stream';
import { createLineSplitter } from '../../../engines/lines.ts';
import { JAIL_VARIABLES, runJailed } from '../../../engines/nix/jail.ts';
import { type NixStore, physicalPath } from '../../../engines/nix/nix.ts';
import { type ProcessResult, runProcess } from '../../../engines/process.ts';
import { DogwoodError } from '../../../errors.ts';
import type { BuildContext, Built } from '../../builder.ts';
import { ingest } from '../../ingest.ts';
import { itsLastLines, storeElsewhere } from '../failure.ts';
import { finishImage, type OutputOptions } from '../finish-image.ts';
import { derivationName } from '../tasks.ts';

const LAST_LINES = 12;
/** Milliseconds between a script's last byte and its end. */
const GRACE_MS = 5_000;

/**
 * Runs the script that streamLayeredImage makes and takes in what it writes. It is the project's own code: it runs in
 * a jail with nothing but the store to read. Throws NIX_BUILD_FAILED, NIX_SANDBOX_UNAVAILABLE.
 */
export async function takeStream(
  script: string,
  store: NixStore,
  options: OutputOptions,
  context: BuildContext,
): Promise<Built> {
  const task = { id: script, name: derivationName(script) };
  const started = performance.now();
  const tell = (state: 'started' | 'finished' | 'failed'): void =>
    context.emit({
      type: 'task',
      step: 'build',
      ...task,
      state,
      milliseconds: state === 'started' ? null : Math.round(performance.now() - started),
    });
  tell('started');
  try {
    const taken = await run(script, store, options, context);
    tell('finished');
    return await finishImage(taken, options, context);
  } catch (error) {
    tell('failed');
    throw error;
  }
}

async function run(script: string, store: NixStore, options: OutputOptions, context: BuildContext) {
  const output = new PassThrough({ highWaterMark: 1024 * 1024 });
  const gone = new AbortController();
  let grace: NodeJS.Timeout | undefined;
  const signal = AbortSignal.any([context.signal, gone.signal]);
  const lines = createLineSplitter((line) =>
    context.emit({ type: 'log', step: 'build', stream: 'stderr', line, task: script }),
  );
  const running = start(script, store, options, context, {
    signal,
    output,
    onError: (bytes) => lines.push(bytes),
  }).then(
    (result) => checkExit(result, script),
    (error: unknown) => {
      // The reader would wait for bytes that never come.
      output.destroy(error instanceof Error ? error : undefined);
      throw error;
    },
  );
  const [ran, taken] = await Promise.allSettled([
    running,
    ingest(output, options.compression, context, signal).catch((error: unknown) => {
      // One that has closed its output is about to end, and to say why.
      grace = setTimeout(() => gone.abort(error), output.writableEnded ? GRACE_MS : 0);
      throw error;
    }),
  ]);
  clearTimeout(grace);
  lines.end();
  context.signal.throwIfAborted();
  // A script that failed left half an archive; what is wrong with that is of no interest.
  if (ran.status === 'rejected' && !gone.signal.aborted) throw ran.reason;
  if (ran.status === 'rejected' && isOurs(ran.reason)) throw ran.reason;
  if (taken.status === 'rejected') throw taken.reason;
  if (ran.status === 'rejected') throw ran.reason;
  return taken.value;
}

const isOurs = (error: unknown): boolean =>
  error instanceof DogwoodError &&
  (error.code === 'NIX_BUILD_FAILED' || error.code === 'NIX_SANDBOX_UNAVAILABLE');

interface Streams {
  readonly signal: AbortSignal;
  readonly output: PassThrough;
  readonly onError: (bytes: Uint8Array) => void;
}

async function start(
  script: string,
  store: NixStore,
  { permissions, what }: OutputOptions,
  context: BuildContext,
  streams: Streams,
): Promise<ProcessResult> {
  const { variables } = context.engines;
  if (!permissions.unsandboxed) return await runJailed(script, { store }, { ...streams, variables });
  if (store.physical !== store.logical) {
    throw storeElsewhere(what, store);
  }
  return await runProcess(physicalPath(script, store), [], {
    cwd: await context.makeFolder(),
    env: JAIL_VARIABLES,
    signal: streams.signal,
    output: streams.output,
    onOutput: (_stream, bytes) => streams.onError(bytes),
  });
}

function checkExit({ exitCode, stderr }: ProcessResult, script: string): void {
  if (exitCode === 0) return;
  const lines = stderr.trimEnd().split('\n').slice(-LAST_LINES);
  throw new DogwoodError(
    'NIX_BUILD_FAILED',
    `${derivationName(script)}, which writes the image, failed with exit code ${exitCode}${itsLastLines(lines)}`,
  );
}
