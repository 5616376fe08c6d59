import type { BuildResult, ResultReference } from './result.ts';
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
  /** One thing an engine does: an instruction of a Dockerfile, a phase of the lifecycle, a derivation. */
  | {
      readonly type: 'task';
      readonly step: Step;
      /** The same for all events of one task, unique within the build. */
      readonly id: string;
      readonly name: string;
      readonly state: 'started' | 'finished' | 'cached' | 'failed';
      /** How long it took, once it is over. */
      readonly milliseconds: number | null;
    }
  | {
      readonly type: 'log';
      readonly step: Step;
      readonly stream: 'stdout' | 'stderr';
      readonly line: string;
      /** The task that said it, where that is known. */
      readonly task?: string | undefined;
    }
  | { readonly type: 'note'; readonly step: Step; readonly message: string }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  /** What becomes of one registry that the image goes to: `started`, then once `available` or `failed`, unless all ends before. */
  | (RegionState & {
      readonly type: 'region';
      /** What its `progress` events call it. */
      readonly transfer: string;
      /** How many registries the image goes to in all. */
      readonly of: number;
    })
  | { readonly type: 'result'; readonly result: BuildResult };

export type RegionState =
  | (Pick<ResultReference, 'region' | 'reference' | 'tag'> & { readonly state: 'started' })
  | ResultReference;

export type Emit = (event: BuildEvent) => void;
