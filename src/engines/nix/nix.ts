import { DogwoodError } from '../../errors.ts';
import { createLineSplitter } from '../lines.ts';
import { runProcess } from '../process.ts';
import { type NixEvent, parseNixLine } from './log.ts';

/** The first version with flakes and `nix build --json`. */
const OLDEST = [2, 4] as const;
/** Milliseconds Nix has to say its version. */
const VERSION_MS = 10_000;

export interface NixRun {
  /** The whole environment of the process. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly cwd?: string | undefined;
  readonly onEvent?: ((event: NixEvent) => void) | undefined;
  /** Standard output, as it comes; its end is in the result as well. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
}

export interface NixResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Its errors, in order. */
  readonly errors: readonly NixMessage[];
}

export type NixMessage = Extract<NixEvent, { readonly type: 'message' }>;

/** Of the evaluator's collector (libgc): an expression must not take all of a machine's memory. */
const MAX_HEAP = '4G';
/** Its errors that are kept; an evaluation may warn for ever. */
const MAX_MESSAGES = 50;
/** Characters of one event: an error with its whole trace. */
const MAX_EVENT = 1024 * 1024;

/**
 * The version of the Nix that is here; undefined where there is none, or one too old for flakes. Throws only on abort.
 */
export async function findNix(
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const options = { env: variables, timeoutMs: VERSION_MS, maxOutputBytes: 4096, signal };
    const { exitCode, stdout } = await runProcess('nix', ['--version'], options);
    const match = /\b([0-9]+)\.([0-9]+)\S*/.exec(stdout);
    if (exitCode !== 0 || match === null) return undefined;
    const [major, minor] = [Number(match[1]), Number(match[2])];
    return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]) ? match[0] : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DogwoodError) return undefined;
    throw error;
  }
}

/** Runs `nix` with its log as events. A non-zero exit code is a result. Throws what `runProcess` throws. */
export function runNix(args: readonly string[], run: NixRun): Promise<NixResult> {
  return runNixProgram('nix', args, run);
}

/** `runNix` for another of Nix's programs. */
export async function runNixProgram(
  program: 'nix' | 'nix-shell',
  args: readonly string[],
  run: NixRun,
): Promise<NixResult> {
  const errors: NixMessage[] = [];
  const lines = createLineSplitter((line) => {
    const event = parseNixLine(line);
    if (event === undefined) return;
    if (event.type === 'message' && event.level === 0 && errors.length < MAX_MESSAGES) errors.push(event);
    run.onEvent?.(event);
  }, MAX_EVENT);
  const { exitCode, stdout } = await runProcess(program, [...args, '--log-format', 'internal-json'], {
    cwd: run.cwd,
    env: { ...run.variables, GC_MAXIMUM_HEAP_SIZE: MAX_HEAP },
    signal: run.signal,
    timeoutMs: run.timeoutMs,
    onOutput(stream, bytes) {
      if (stream === 'stderr') lines.push(bytes);
      else run.onOutput?.(bytes);
    },
  });
  lines.end();
  return { exitCode, stdout, errors };
}

/** Where store paths lie on this machine: a store may be kept below another root (`NIX_REMOTE`, a chroot store). */
export interface NixStore {
  /** What paths of the store begin with, for example `/nix/store`. */
  readonly logical: string;
  /** Where that folder lies. */
  readonly physical: string;
}

/** The store that Nix uses under this environment. */
export function nixStore(variables: Readonly<Record<string, string>>): NixStore {
  const logical = variables.NIX_STORE_DIR ?? '/nix/store';
  const remote = variables.NIX_REMOTE ?? '';
  const root = remote.startsWith('/')
    ? remote.replace(/\?.*$/, '')
    : /^local(?:\/\/)?\?(?:.*&)?root=([^&]+)/.exec(remote)?.[1];
  return { logical, physical: root === undefined ? logical : `${decodeURIComponent(root)}${logical}` };
}

/** Where a path of the store lies on this machine. */
export function physicalPath(path: string, store: NixStore): string {
  return path.startsWith(`${store.logical}/`) ? `${store.physical}${path.slice(store.logical.length)}` : path;
}

/** Nix's name of what a platform builds natively; undefined for one that Nix has no name for. */
export function nixSystem(platform: {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}): string | undefined {
  if (platform.os !== 'linux') return undefined;
  switch (platform.architecture) {
    case 'amd64':
      return 'x86_64-linux';
    case 'arm64':
      return 'aarch64-linux';
    case '386':
      return 'i686-linux';
    case 'arm':
      return platform.variant === 'v6' ? 'armv6l-linux' : 'armv7l-linux';
    case 'riscv64':
      return 'riscv64-linux';
    case 'ppc64le':
      return 'powerpc64le-linux';
    default:
      return undefined;
  }
}
