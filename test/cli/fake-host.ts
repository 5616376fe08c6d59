import { PassThrough, Readable } from 'node:stream';
import type { CliHost, Output } from '../../src/cli/host.ts';
import type { PipelineLoader } from '../../src/cli/pipeline-loader.ts';

/** Time that only moves when it is told to, with the timers that live in it. */
export function createFakeClock() {
  let now = 0;
  const timers = new Set<{ readonly period: number; next: number; readonly callback: () => void }>();
  return {
    clock: () => now,
    every(period: number, callback: () => void) {
      const timer = { period, next: now + period, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    /** Lets time pass, each timer going off when it is due. */
    advance(milliseconds: number) {
      const end = now + milliseconds;
      for (;;) {
        const due = [...timers].filter(({ next }) => next <= end).sort((a, b) => a.next - b.next)[0];
        if (due === undefined) break;
        now = due.next;
        due.next += due.period;
        due.callback();
      }
      now = end;
    },
    running: () => timers.size,
  };
}

interface FakeHostOptions {
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly pipeline?: Partial<PipelineLoader>;
  readonly userHome?: string;
  readonly stderr?: { readonly isTTY: boolean };
  readonly interrupted?: AbortSignal;
}

/** A host whose outputs are kept and whose pipeline is a fake; what the test did not give must not be asked for. */
export function createFakeHost(options: FakeHostOptions) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = { stdout: '', stderr: '' };
  stdout.on('data', (chunk) => {
    texts.stdout += String(chunk);
  });
  stderr.on('data', (chunk) => {
    texts.stderr += String(chunk);
  });
  const time = createFakeClock();
  const notGiven = async () => {
    throw new Error('the test gave no such part of the pipeline');
  };
  const host: CliHost = {
    version: '1.2.3',
    arguments: options.arguments,
    environment: options.environment ?? {},
    userHome: options.userHome,
    stdin: Readable.from([]),
    stdout: stdout as Output,
    stderr: Object.assign(stderr as Output, options.stderr ?? {}),
    clock: time.clock,
    now: () => new Date(1_700_000_000_000),
    every: time.every,
    interrupted: options.interrupted ?? new AbortController().signal,
    redirectSignals: () => () => {},
    pipeline: {
      runBuild: notGiven,
      planBuild: notGiven,
      pushImage: notGiven,
      copyImage: notGiven,
      inspectImage: notGiven,
      validateImage: notGiven,
      loadIntoDocker: notGiven,
      listImages: notGiven,
      listTags: notGiven,
      removeImages: notGiven,
      serveImages: notGiven,
      planMigration: notGiven,
      openHerokuApp: notGiven,
      verifyMigration: notGiven,
      importApps: notGiven,
      migrationStatus: notGiven,
      migrationReport: notGiven,
      ...options.pipeline,
    },
  };
  return { host, texts, time };
}
