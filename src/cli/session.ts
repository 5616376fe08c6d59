import { addAbortSignal } from 'node:stream';
import { engineVariables } from '../engines/environment.ts';
import { DogwoodError } from '../errors.ts';
import { proxyVariables } from '../net/settings.ts';
import type { PipelineEnvironment } from '../pipeline/session/environment.ts';
import type { BuildEvent, Step } from '../plan/events.ts';
import type { FailedBuild } from '../plan/result.ts';
import {
  exitCodeOf,
  explainFailure,
  failureDocument,
  writeFailure,
  writeFailureDocument,
} from './failure.ts';
import type { ProgressMode } from './flags.ts';
import {
  certificateFolders,
  credentialPlaces,
  dockerConfigFolder,
  dogwoodHome,
  logFolder,
  userConfigPath,
} from './folders.ts';
import type { CliHost } from './host.ts';
import { terminalJson } from './output/escape.ts';
import { lineOf } from './output/lines.ts';
import { openRenderer, progressMode } from './output/open-renderer.ts';
import { createRunLog, type RunLog } from './run-log.ts';
import { readUserConfig } from './user-config.ts';
import type { UserConfig } from './user-config-schema.ts';

/** Milliseconds that work gets to stop by itself after an interrupt or the time limit. */
const STOP_MS = 10_000;

/** Flags that every command with work behind it has. */
export interface SessionFlags {
  readonly json?: boolean | undefined;
  readonly progress?: ProgressMode | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  readonly insecureRegistry?: readonly string[] | undefined;
}

/** What a command works with while it runs. */
export interface Session {
  readonly environment: PipelineEnvironment;
  readonly config: UserConfig;
  readonly log: RunLog;
  /** Shows no more progress: from here on standard error belongs to somebody else. */
  quiet(): void;
  /** Prints the result on standard output: the document with --json, else the text. */
  print(document: unknown, text: () => string): void;
  /** Reports a failure that came back as a result; gives the exit code. */
  fail(failure: FailedBuild): number;
}

/**
 * Runs one command's work with its renderer, log and time limit, and reports what went wrong in the three forms there
 * are: text on standard error, the failure document with --json, the log.
 *
 * Gives the exit code; throws nothing but what is wrong before the work begins.
 */
export async function runSession(
  host: CliHost,
  command: string,
  flags: SessionFlags,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const config = await readUserConfig(userConfigPath(host));
  const mode = progressMode(host, flags.progress ?? 'auto');
  const renderer = openRenderer(host, mode);
  const log = createRunLog({
    folder: () => logFolder(host),
    command,
    now: host.now,
    pid: process.pid,
  });
  const limit = createTimeLimit(flags.timeout);
  const signal = AbortSignal.any([host.interrupted, limit.signal]);
  const watch = watchEvents(host, log, renderer.event);
  const fail = (failure: FailedBuild, cause?: unknown): number => {
    renderer.end();
    // A log that holds nothing but the error below tells nobody more.
    const worthReading = log.path !== undefined || failure.error.code === 'INTERNAL';
    log.line(`error[${failure.error.code}]: ${failure.error.message}`);
    if (cause instanceof Error && failure.error.code === 'INTERNAL') log.text(cause.stack ?? cause.message);
    if (mode !== 'json') writeFailure(host, failure.error, worthReading ? log.path : undefined);
    else if (!watch.sawResult) host.stderr.write(`${terminalJson({ type: 'result', result: failure })}\n`);
    if (flags.json) writeFailureDocument(host, failure);
    return exitCodeOf(failure.error);
  };
  const session: Session = {
    environment: createEnvironment(host, flags, config, { emit: watch.emit, logger: log, signal }),
    config,
    log,
    quiet: renderer.end,
    print(document, text) {
      renderer.end();
      host.stdout.write(flags.json ? `${terminalJson(document, 2)}\n` : text());
    },
    fail: (failure) => {
      const abort = signal.aborted ? explainFailure(undefined, signal) : undefined;
      return fail(abort === undefined ? failure : failureDocument(abort, failure.error.step));
    },
  };
  try {
    return await stopWithin(work(session), signal);
  } catch (error) {
    return fail(failureDocument(explainFailure(error, signal), watch.step), error);
  } finally {
    limit.clear();
    renderer.end();
    log.close();
  }
}

/** Hands every event to the terminal and to the log, and remembers what a failure will want to know. */
function watchEvents(host: CliHost, log: RunLog, show: (event: BuildEvent) => void) {
  const started = new Map<Step, number>();
  let last: Step | null = null;
  let sawResult = false;
  return {
    emit(event: BuildEvent) {
      if (event.type === 'result') sawResult = true;
      let took: number | undefined;
      if (event.type === 'step') {
        if (event.state === 'started') started.set(event.step, host.clock());
        else took = host.clock() - (started.get(event.step) ?? host.clock());
        last = event.state === 'finished' ? null : event.step;
      }
      const line = lineOf(event, took);
      if (line !== undefined) log.line(line);
      show(event);
    },
    get step() {
      return last;
    },
    get sawResult() {
      return sawResult;
    },
  };
}

function createEnvironment(
  host: CliHost,
  flags: SessionFlags,
  config: UserConfig,
  run: Pick<PipelineEnvironment, 'emit' | 'logger' | 'signal'>,
): PipelineEnvironment {
  let stdin: PipelineEnvironment['stdin'] | undefined;
  return {
    // Asked for late: a machine without a home folder can do all that needs no store.
    get home() {
      return dogwoodHome(host);
    },
    get stdin() {
      // Whoever reads it may wait for ever for a terminal or a pipe; an abort ends that wait.
      stdin ??= addAbortSignal(run.signal, host.stdin);
      return stdin;
    },
    credentialPlaces: credentialPlaces(host),
    dockerConfig: dockerConfigFolder(host),
    dockerHost: host.environment.DOCKER_HOST || undefined,
    engineVariables: engineVariables(host.environment),
    variable: (name) => host.environment[name],
    network: {
      variables: proxyVariables(host.environment),
      hosts: config.hosts,
      certificateFolders: certificateFolders(host),
      allow: config.allowOutbound,
    },
    mirrors: config.mirrors,
    insecureRegistries: [...(flags.insecureRegistry ?? []), ...config.insecureRegistries],
    openHerokuApp: async (app, environment) => {
      const [{ findHerokuAccess }, openHerokuApp] = await Promise.all([
        import('./commands/heroku/access.ts'),
        host.pipeline.openHerokuApp(),
      ]);
      return await openHerokuApp(app, await findHerokuAccess(host, {}), environment);
    },
    clock: host.clock,
    ...run,
  };
}

function createTimeLimit(milliseconds: number | undefined) {
  const controller = new AbortController();
  const timer =
    milliseconds === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(new DogwoodError('TIMEOUT', `not done within ${milliseconds / 1000} s`));
        }, milliseconds);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** Work that does not stop when it is told to is left behind: the program ends either way. */
async function stopWithin<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    timer = setTimeout(() => reject(signal.reason), STOP_MS);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
