import type { Step } from '../plan/events.ts';
import type { ResultWarning } from '../plan/result.ts';
import type { PipelineEnvironment } from './session/environment.ts';

/** The steps of one build, timed and told of, and the warnings on the way. */
export interface Progress {
  readonly environment: PipelineEnvironment;
  readonly warnings: readonly ResultWarning[];
  /** Runs a step; gives its result and milliseconds. */
  step<T>(step: Step, run: () => Promise<T>): Promise<readonly [T, number]>;
  current(): Step | null;
  fail(): void;
}

/** What is emitted through `environment` is told on, and its warnings are kept. */
export function createProgress(environment: PipelineEnvironment): Progress {
  const warnings: ResultWarning[] = [];
  let current: Step | null = null;
  const emit: PipelineEnvironment['emit'] = (event) => {
    if (event.type === 'warning') warnings.push({ code: event.code, message: event.message });
    environment.emit(event);
  };
  return {
    environment: { ...environment, emit },
    warnings,
    async step(step, run) {
      current = step;
      const start = environment.clock();
      emit({ type: 'step', step, state: 'started' });
      const result = await run();
      emit({ type: 'step', step, state: 'finished' });
      return [result, Math.round(environment.clock() - start)];
    },
    current: () => current,
    fail() {
      if (current !== null) emit({ type: 'step', step: current, state: 'failed' });
    },
  };
}
