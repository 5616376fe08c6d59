import type { BuildResult } from './result.ts';
import type { Step } from './step.ts';

export type { Step };

/** Everything that happens in a build, in order. The terminal, `--progress json`, a log store read the same stream. */
export type BuildEvent =
  | { readonly type: 'step'; readonly step: Step; readonly state: 'started' | 'finished' | 'failed' }
  /** Bytes that passed so far in one transfer. `total` is null while nobody knows. */
  | {
      readonly type: 'progress';
      readonly step: Step;
      readonly transfer: string;
      readonly bytes: number;
      readonly total: number | null;
      readonly done: boolean;
    }
  | { readonly type: 'log'; readonly step: Step; readonly stream: 'stdout' | 'stderr'; readonly line: string }
  | { readonly type: 'note'; readonly step: Step; readonly message: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  | { readonly type: 'result'; readonly result: BuildResult };

export type Emit = (event: BuildEvent) => void;
