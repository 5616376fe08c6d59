import type { PackListener, PackPhase } from '../../engines/pack/output.ts';
import type { Emit } from '../../plan/events.ts';

/** Phases become tasks, lines become log lines of theirs. */
export function phaseEvents(
  emit: Emit,
  redact: (line: string) => string,
): {
  readonly listener: PackListener;
  /** How the phase that runs came to its end. */
  end(state: 'finished' | 'failed'): void;
} {
  let running: { readonly phase: PackPhase; readonly start: number } | undefined;
  const task = (phase: PackPhase, state: 'started' | 'finished' | 'failed', milliseconds: number | null) =>
    emit({ type: 'task', step: 'build', id: phase, name: phase, state, milliseconds });
  const end = (state: 'finished' | 'failed'): void => {
    if (running === undefined) return;
    task(running.phase, state, Math.round(performance.now() - running.start));
    running = undefined;
  };
  return {
    listener: {
      onPhase(phase) {
        end('finished');
        running = { phase, start: performance.now() };
        task(phase, 'started', null);
      },
      onLine: (line, stream, phase) =>
        emit({
          type: 'log',
          step: 'build',
          stream,
          line: redact(line),
          ...(phase === undefined ? {} : { task: phase }),
        }),
    },
    end,
  };
}
