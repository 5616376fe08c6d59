import type { EngineProgress } from './engine.ts';
import { createLogLines } from './log-lines.ts';
import type { FailedStep } from './solve-status.ts';

/** How a tool that prints steps as text writes them. */
export interface StepGrammar {
  /** A new step; its first group is what it does. */
  readonly step: RegExp;
  /** The step was found in the cache. */
  readonly cached: RegExp;
  /** What the tool says for itself. */
  readonly chatter: RegExp;
}

/** `Step 2/5 : RUN make`, `---> Using cache`: Docker's classic builder. */
export const CLASSIC: StepGrammar = {
  step: /^Step ([0-9]+\/[0-9]+ : .*)$/,
  cached: /^ ---> Using cache/,
  chatter:
    /^ ---> |^(?:Removing|Removed) intermediate container |^Successfully built |^\s*$|^Sending build context/,
};

/** `STEP 2/5: RUN make`, `--> Using cache`: Buildah. */
export const BUILDAH: StepGrammar = {
  step: /^(?:\[[^\]]*\] )?STEP ([0-9]+\/[0-9]+: .*)$/,
  cached: /^(?:\[[^\]]*\] )?--> Using cache/,
  chatter: /^(?:\[[^\]]*\] )?(?:--> |COMMIT)|^[0-9a-f]{64}$|^\s*$|^Error: |^time="/,
};

/** Follows a builder that prints one step after the other, between their output. */
export function createStepProgress(grammar: StepGrammar, onProgress: (progress: EngineProgress) => void) {
  const logs = createLogLines(onProgress);
  let current: { id: string; name: string; since: number; cached: boolean } | undefined;
  let count = 0;
  const over = (failed: boolean) => {
    if (current === undefined) return;
    const { id, name, since, cached } = current;
    logs.end(id);
    const milliseconds = Math.round(performance.now() - since);
    const state = failed ? 'failed' : cached ? 'cached' : 'finished';
    onProgress({ kind: 'step', id, name, state, milliseconds: state === 'cached' ? null : milliseconds });
  };
  const line = (stream: 'stdout' | 'stderr', text: string) => {
    const step = grammar.step.exec(text)?.[1];
    if (step !== undefined) {
      over(false);
      current = { id: `step-${++count}`, name: step, since: performance.now(), cached: false };
      onProgress({ kind: 'step', id: current.id, name: step, state: 'started', milliseconds: null });
    } else if (grammar.cached.test(text)) {
      if (current !== undefined) current.cached = true;
    } else if (!grammar.chatter.test(text)) {
      if (current === undefined) onProgress({ kind: 'log', id: undefined, stream, line: text });
      else logs.push(current.id, stream, Buffer.from(`${text}\n`));
    }
  };
  return {
    line,
    /** The build came to its end. */
    finish: () => {
      over(false);
      current = undefined;
    },
    /** It failed at the step that it is at. */
    fail(error: string): FailedStep | undefined {
      if (current === undefined) return undefined;
      const { id, name } = current;
      over(true);
      current = undefined;
      return { name: name.replace(/^[0-9]+\/[0-9]+ ?: /, ''), error, lastLines: logs.last(id) };
    },
  };
}
