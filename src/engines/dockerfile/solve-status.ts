import type { EngineProgress } from './engine.ts';
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
  /** Digests of what it builds upon. */
  readonly inputs?: readonly string[] | undefined;
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

/** What is known of a step that began. */
interface Known {
  vertex: Vertex;
  milliseconds: number;
  /** Over for now: BuildKit begins again what it had to fetch a cache for. */
  waits: boolean;
  told: 'started' | 'over' | undefined;
}

/**
 * Turns a solve's status into progress: every step once started, once over. A step counts as over when what builds
 * upon it goes on, when the image is exported, or at the end.
 */
export function createSolveProgress(onProgress: (progress: EngineProgress) => void) {
  const steps = new Map<string, Known>();
  const logs = createLogLines(onProgress);
  let failed: { name: string; error: string; id: string } | undefined;

  const tell = (known: Known, state: 'started' | 'finished' | 'cached' | 'failed') => {
    const { digest: id, name } = known.vertex;
    known.told = state === 'started' ? 'started' : 'over';
    if (state !== 'started') logs.end(id);
    const took = state === 'finished' || state === 'failed';
    onProgress({ kind: 'step', id, name, state, milliseconds: took ? known.milliseconds : null });
  };
  const settle = (ids: Iterable<string>) => {
    for (const id of ids) {
      const known = steps.get(id);
      if (known?.waits && known.told !== 'over') tell(known, known.vertex.cached ? 'cached' : 'finished');
    }
  };
  const step = (vertex: Vertex) => {
    const { digest, name, error } = vertex;
    if (error && !isCancelled(error)) failed ??= { name, error, id: digest };
    if ((HIDDEN.test(name) && !error) || !(vertex.started || error)) return;
    settle(name.startsWith('exporting ') ? steps.keys() : (vertex.inputs ?? []));
    const known = steps.get(digest) ?? { vertex, milliseconds: 0, waits: false, told: undefined };
    known.vertex = vertex;
    known.waits = vertex.completed !== undefined;
    if (known.waits) known.milliseconds += duration(vertex);
    steps.set(digest, known);
    if (known.told === 'over') return;
    if (error) tell(known, 'failed');
    else if (known.told === undefined && !(known.waits && vertex.cached)) tell(known, 'started');
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
    /** Nothing more will come. */
    end: () => settle(steps.keys()),
    get failed(): FailedStep | undefined {
      return failed && { name: failed.name, error: failed.error, lastLines: logs.last(failed.id) };
    },
  };
}

/** A step that ran beside the one that failed is stopped; that is not what went wrong. */
const isCancelled = (error: string): boolean => /context canceled|^Canceled:/.test(error);

function duration({ started, completed }: Vertex): number {
  const milliseconds = Date.parse(completed ?? '') - Date.parse(started ?? '');
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, milliseconds);
}
