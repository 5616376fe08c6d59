import { asDogwoodError, DogwoodError, ERRORS } from '../errors.ts';
import type { Step } from '../plan/events.ts';
import type { FailedBuild, ResultError } from '../plan/result.ts';
import { logFolder } from './folders.ts';
import type { CliHost } from './host.ts';
import { escapeControl, terminalJson } from './output/escape.ts';
import { createRunLog } from './run-log.ts';

/** The failure document of cli.md. */
export function failureDocument(error: DogwoodError, step: Step | null = null): FailedBuild {
  const { code, message, hint } = error;
  return { schemaVersion: 1, status: 'failed', error: { code, message, hint, step } };
}

/** Whatever was thrown, seen in the light of an abort: what falls over because of it is not what went wrong. */
export function explainFailure(error: unknown, signal: AbortSignal): DogwoodError {
  if (signal.aborted && signal.reason instanceof DogwoodError) return signal.reason;
  return asDogwoodError(error);
}

/** `error[CODE]: message`, the hint and the log, on standard error. */
export function writeFailure(host: CliHost, error: ResultError, logPath: string | undefined): void {
  const lines = [
    `error[${error.code}]: ${escapeControl(error.message)}`,
    `hint: ${escapeControl(error.hint)}`,
  ];
  if (logPath !== undefined) lines.push(`log: ${escapeControl(logPath)}`);
  host.stderr.write(`${lines.join('\n')}\n`);
}

export function writeFailureDocument(host: CliHost, document: FailedBuild): void {
  host.stdout.write(`${terminalJson(document, 2)}\n`);
}

export function exitCodeOf(error: Pick<ResultError, 'code'>): number {
  return ERRORS[error.code].exitCode;
}

/** What went wrong outside of any session: wrong usage, or a bug, whose stack is kept in a log of its own. */
export function reportFailure(host: CliHost, thrown: unknown): number {
  const error = asDogwoodError(thrown);
  const document = failureDocument(error);
  let logPath: string | undefined;
  if (error.code === 'INTERNAL') {
    const log = createRunLog({
      folder: () => logFolder(host),
      command: 'crash',
      now: () => host.now(),
      pid: process.pid,
    });
    log.text(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    logPath = log.path;
    log.close();
  }
  writeFailure(host, document.error, logPath);
  if (wantsJson(host.arguments)) writeFailureDocument(host, document);
  return exitCodeOf(error);
}

/** Whether --json was given, told from the arguments as they are: they may not have been understood. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).includes('--json');
}
