import type { EngineProgress } from './dockerfile-engine.ts';
import { createLogLines } from './log-lines.ts';

/** What BuildKit says of a solve while it runs (control.proto, StatusResponse), as `--progress rawjson` prints it. */
export interface SolveStatus {
  readonly vertexes?: readonly Vertex[] | undefined;
  readonly logs?: readonly VertexLog[] | undefined;
  readonly warnings?: readonly { readonly short?: string | undefined }[] | undefined;
}

export interface Vertex {
  readonly digest: string;
  readonly name: string;
  /** RFC 3339 */
  readonly started?: string | undefined;
  readonly completed?: string | undefined;
  readonly cached?: boolean | undefined;
  readonly error?: string | undefined;
}

export interface VertexLog {
  readonly vertex: string;
  /** 1 or 2 */
  readonly stream: number;
  /** Base64 */
  readonly data: string;
}

/** A step that failed, as far as the engine says. */
export interface FailedStep {
  readonly name: string;
  readonly error: string;
  readonly lastLines: readonly string[];
}

/** What BuildKit does for itself says nothing to the user, but for how long a base image takes. */
const HIDDEN = /^\[internal\] (?!load metadata)|^\[auth\]/;

/** Turns a solve's status into progress: every step once started, once over. */
export function createSolveProgress(onProgress: (progress: EngineProgress) => void) {
  const states = new Map<string, 'started' | 'over' | 'failed'>();
  const logs = createLogLines(onProgress);
  let failed: { name: string; error: string; id: string } | undefined;

  const step = (vertex: Vertex) => {
    const { digest: id, name } = vertex;
    if (vertex.error && !isCancelled(vertex.error)) failed ??= { name, error: vertex.error, id };
    if (HIDDEN.test(name) && !vertex.error) return;
    const emit = (state: 'started' | 'finished' | 'cached' | 'failed') => {
      const milliseconds = state === 'finished' || state === 'failed' ? duration(vertex) : null;
      onProgress({ kind: 'step', id, name, state, milliseconds });
    };
    const state = states.get(id);
    if (vertex.error) {
      if (state === 'failed') return;
      states.set(id, 'failed');
      logs.end(id);
      emit('failed');
    } else if (vertex.completed && state !== 'over') {
      states.set(id, 'over');
      logs.end(id);
      emit(vertex.cached ? 'cached' : 'finished');
    } else if (vertex.started && state === undefined) {
      states.set(id, 'started');
      emit('started');
    }
  };

  return {
    push(status: SolveStatus) {
      for (const { vertex, stream, data } of status.logs ?? []) {
        logs.push(vertex, stream === 2 ? 'stderr' : 'stdout', Buffer.from(data, 'base64'));
      }
      for (const vertex of status.vertexes ?? []) step(vertex);
      for (const { short } of status.warnings ?? []) {
        if (short) onProgress({ kind: 'warning', message: Buffer.from(short, 'base64').toString('utf8') });
      }
    },
    get failed(): FailedStep | undefined {
      return failed && { name: failed.name, error: failed.error, lastLines: logs.last(failed.id) };
    },
  };
}

/** A step that ran beside the one that failed is stopped; that is not what went wrong. */
const isCancelled = (error: string): boolean => /context canceled|^Canceled:/.test(error);

function duration({ started, completed }: Vertex): number | null {
  if (!started || !completed) return null;
  const milliseconds = Date.parse(completed) - Date.parse(started);
  return Number.isNaN(milliseconds) ? null : Math.max(0, milliseconds);
}
