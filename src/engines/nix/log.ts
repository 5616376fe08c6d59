/** Where in the project a message points. */
export interface NixPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number | undefined;
}

/** What Nix says while it works (`--log-format internal-json`). */
export type NixEvent =
  | { readonly type: 'build-started'; readonly id: number; readonly derivation: string }
  | { readonly type: 'fetch-started'; readonly id: number; readonly path: string }
  | { readonly type: 'log'; readonly id: number; readonly line: string }
  | { readonly type: 'stopped'; readonly id: number }
  | {
      readonly type: 'message';
      /** 0 is an error, 1 a warning. */
      readonly level: number;
      readonly text: string;
      readonly position: NixPosition | undefined;
    }
  /** A line that is no event: of a fetcher, or of a program that Nix started. */
  | { readonly type: 'text'; readonly line: string };

// logging.hh of Nix: activity types and result types. They have not been renumbered since 2.0.
const ACTIVITY = { build: 105, substitute: 108 } as const;
const RESULT = { buildLogLine: 101, postBuildLogLine: 107 } as const;

/** Characters of a line that are kept, of a builder or another program: a longer one is no text. */
const MAX_LINE = 16 * 1024;

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g');
const LEADING_ERROR = /^\s*(?:error|warning):\s*/;

/** Reads one line of Nix's standard error; undefined for what nobody needs to know. */
export function parseNixLine(line: string): NixEvent | undefined {
  if (!line.startsWith('@nix ')) return line.trim() === '' ? undefined : textOf(line);
  let event: unknown;
  try {
    event = JSON.parse(line.slice('@nix '.length));
  } catch {
    return textOf(line);
  }
  return readEvent(event);
}

const textOf = (line: string): NixEvent => ({ type: 'text', line: line.slice(-MAX_LINE) });

function readEvent(value: unknown): NixEvent | undefined {
  if (!isRecord(value)) return undefined;
  const fields = Array.isArray(value.fields) ? (value.fields as readonly unknown[]) : [];
  const [id, first] = [Number(value.id), fields[0]];
  switch (value.action) {
    case 'start':
      if (typeof first !== 'string') return undefined;
      if (value.type === ACTIVITY.build) return { type: 'build-started', id, derivation: first };
      return value.type === ACTIVITY.substitute ? { type: 'fetch-started', id, path: first } : undefined;
    case 'stop':
      return { type: 'stopped', id };
    case 'result':
      return (value.type === RESULT.buildLogLine || value.type === RESULT.postBuildLogLine) &&
        typeof first === 'string'
        ? { type: 'log', id, line: first.slice(-MAX_LINE) }
        : undefined;
    case 'msg':
      return readMessage(value);
    default:
      return undefined;
  }
}

function readMessage(value: Readonly<Record<string, unknown>>): NixEvent | undefined {
  const raw = typeof value.raw_msg === 'string' ? value.raw_msg : value.msg;
  if (typeof raw !== 'string') return undefined;
  const text = plain(raw).replace(LEADING_ERROR, '').trim();
  const level = typeof value.level === 'number' ? value.level : 0;
  // Advice on Nix's own flags, which nobody gave.
  if (text === '' || text.startsWith("(use '--show-trace'")) return undefined;
  return { type: 'message', level, text, position: positionOf(value) ?? tracePosition(value.trace) };
}

function plain(text: string): string {
  return text.replace(ESCAPES, '');
}

function positionOf(value: Readonly<Record<string, unknown>>): NixPosition | undefined {
  const { file, line, column } = value;
  if (typeof file !== 'string' || typeof line !== 'number') return undefined;
  return { file, line, column: typeof column === 'number' ? column : undefined };
}

/** The innermost place that is known: the trace goes from the outside in. */
function tracePosition(trace: unknown): NixPosition | undefined {
  if (!Array.isArray(trace)) return undefined;
  return trace
    .filter(isRecord)
    .map(positionOf)
    .findLast((position) => position !== undefined);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
