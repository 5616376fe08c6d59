import type { Writable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { type ProcessResult, runProcess } from '../process.ts';
import type { NixStore } from './nix.ts';

/** What a jailed program may see beside the store, which it can only read. */
export interface JailView {
  readonly store: NixStore;
  /** A folder of this machine that it may write to, and where it sees it. */
  readonly writable?: { readonly from: string; readonly to: string } | undefined;
  /** Folders it may read, at their own paths. */
  readonly readable?: readonly string[] | undefined;
}

/** Where the writable folder of a jail is seen. */
export const JAIL_WORK = '/build';

/**
 * Arguments of `bwrap` for a project's own program: no network, no home, no other processes, its own /tmp, the Nix
 * store read-only. The rest of the machine is not there at all. It ends with us.
 */
export function jailArguments({ store, writable, readable = [] }: JailView): readonly string[] {
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--hostname',
    'localhost',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    '--ro-bind',
    store.physical,
    store.logical,
    ...readable.flatMap((folder) => ['--ro-bind', folder, folder]),
    ...(writable === undefined ? [] : ['--bind', writable.from, writable.to]),
    '--chdir',
    writable?.to ?? '/',
  ];
}

/** The environment inside: that of a Nix builder. */
export const JAIL_VARIABLES: Readonly<Record<string, string>> = {
  HOME: '/homeless-shelter',
  TMPDIR: '/tmp',
  PATH: '/no-such-path',
};

export interface JailRun {
  /** The environment that bwrap itself is found in. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly output: Writable;
  readonly onError: (bytes: Uint8Array) => void;
}

/**
 * Runs a program of the store in a jail; its standard output goes to `output`. Throws NIX_SANDBOX_UNAVAILABLE where
 * no jail can be made, and what `runProcess` throws.
 */
export async function runJailed(program: string, view: JailView, run: JailRun): Promise<ProcessResult> {
  const bwrap = await findBubblewrap(run.variables, run.signal);
  const environment = Object.entries(JAIL_VARIABLES).flatMap(([name, value]) => ['--setenv', name, value]);
  const args = [...jailArguments(view), '--clearenv', ...environment, '--', program];
  const result = await runProcess(bwrap, args, {
    env: run.variables,
    signal: run.signal,
    output: run.output,
    onOutput: (_stream, bytes) => run.onError(bytes),
  });
  if (result.exitCode !== 0) refuseBrokenJail(result.stderr);
  return result;
}

/** bwrap says so itself when it could not make the jail; what it could not start in it is the project's. */
function refuseBrokenJail(stderr: string): void {
  const message = /^bwrap: (?!execvp )(.*)$/m.exec(stderr)?.[1];
  if (message === undefined) return;
  throw new DogwoodError('NIX_SANDBOX_UNAVAILABLE', `bubblewrap cannot make a jail here: ${message}`);
}

/** The program that makes jails. Throws NIX_SANDBOX_UNAVAILABLE where it is not there. */
export async function findBubblewrap(
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  try {
    await runProcess('bwrap', ['--version'], { env: variables, timeoutMs: 5_000, signal });
    return 'bwrap';
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof DogwoodError) || error.code !== 'ENGINE_MISSING') throw error;
    throw new DogwoodError(
      'NIX_SANDBOX_UNAVAILABLE',
      'the program of the project that writes the image needs a jail, and bubblewrap (bwrap) is not installed',
      { cause: error },
    );
  }
}

/** Why no jail can be made on this machine; undefined where it can. Throws only on abort. */
export async function jailProblem(
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const args = ['--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', '--proc', '/proc', '--', 'true'];
  try {
    const { exitCode, stderr } = await runProcess('bwrap', args, { timeoutMs: 5_000, env, signal });
    return exitCode === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? 'bubblewrap failed');
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof DogwoodError)) throw error;
    return error.code === 'ENGINE_MISSING' ? 'bubblewrap (bwrap) is not installed' : error.message;
  }
}
