import { createLineTail } from '../../engines/lines.ts';
import type { NixEvent } from '../../engines/nix/log.ts';
import type { BuildContext } from '../builder.ts';

/** Lines that are kept of each builder, for the error that may follow. */
const KEPT_LINES = 50;

/** `/nix/store/<hash>-hello-1.0.drv` is `hello-1.0`. */
export function derivationName(path: string): string {
  return path
    .replace(/^.*\//, '')
    .replace(/^[0-9a-z]{32}-/, '')
    .replace(/\.drv$/, '');
}

interface Running {
  readonly derivation: string;
  readonly started: number;
}

/** Turns Nix's events into ours: a task for each derivation that is built, a log event for each line. */
export function taskReporter(context: BuildContext) {
  const running = new Map<number, Running>();
  const stopped: { readonly task: Running; readonly milliseconds: number }[] = [];
  const tails = new Map<string, ReturnType<typeof createLineTail>>();
  const built = new Set<string>();
  const tell = (task: Running, state: 'started' | 'finished' | 'failed', milliseconds: number | null): void =>
    context.emit({
      type: 'task',
      step: 'build',
      id: task.derivation,
      name: derivationName(task.derivation),
      state,
      milliseconds,
    });
  // Nix says that a builder stopped before it says how: what stopped waits for the next to begin, or for the end.
  const flush = (failed?: string): void => {
    for (const { task, milliseconds } of stopped.splice(0))
      tell(task, task.derivation === failed ? 'failed' : 'finished', milliseconds);
  };
  const keep = (task: string, line: string): void => {
    const tail = tails.get(task) ?? createLineTail(KEPT_LINES);
    tails.set(task, tail);
    tail.push(line);
  };
  const log = (line: string, task: string | undefined): void =>
    context.emit({
      type: 'log',
      step: 'build',
      stream: 'stderr',
      line,
      ...(task === undefined ? {} : { task }),
    });

  return {
    onEvent(event: NixEvent): void {
      if (event.type === 'build-started') {
        flush();
        const task = { derivation: event.derivation, started: performance.now() };
        running.set(event.id, task);
        built.add(event.derivation);
        tell(task, 'started', null);
      } else if (event.type === 'log') {
        const task = running.get(event.id)?.derivation;
        if (task !== undefined) keep(task, event.line);
        log(event.line, task);
      } else if (event.type === 'stopped') {
        const task = running.get(event.id);
        if (task === undefined) return;
        running.delete(event.id);
        stopped.push({ task, milliseconds: Math.round(performance.now() - task.started) });
      } else if (event.type === 'fetch-started') log(`fetching ${derivationName(event.path)}`, undefined);
      else if (event.type === 'text') log(event.line, undefined);
      else if (event.level <= 1) log(event.text, undefined);
    },
    lastLines: (derivation: string): readonly string[] => tails.get(derivation)?.lines() ?? [],
    /** Ends what still runs; `failed` names the derivation whose builder did. */
    end(failed?: string): void {
      for (const task of running.values())
        stopped.push({ task, milliseconds: Math.round(performance.now() - task.started) });
      running.clear();
      flush(failed);
    },
    /** A derivation that was there already. */
    cached(derivation: string): void {
      if (built.has(derivation)) return;
      const name = derivationName(derivation);
      context.emit({ type: 'task', step: 'build', id: derivation, name, state: 'cached', milliseconds: 0 });
    },
  };
}
