import { accessSync, chmodSync, constants, existsSync, lstatSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { DogwoodError } from '../../errors.ts';
import { fileError } from './file-errors.ts';

/** A lock that the kernel drops when its process dies, whatever it died of. */
export interface FileLock {
  /** The file stays, unless it is asked to go: removing a file that others wait for would let two of them in. */
  release(options?: { remove?: boolean }): void;
}

/**
 * Takes an exclusive lock on a path, or returns undefined when another process, thread or part of this process has it.
 *
 * Node has no flock. SQLite's `BEGIN EXCLUSIVE` on an empty file takes fcntl locks, which end with their process, hold
 * between containers that share the folder (unlike process ids in a lock file), and which SQLite also keeps apart
 * within one process. Nothing else may open the file: closing any handle on it would drop the lock (fcntl(2)).
 */
export function tryLock(path: string): FileLock | undefined {
  const isNew = checkLockFile(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // No journal file next to the lock; nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY');
    if (isNew) shareWithFolder(path);
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    const problem = folderProblem(path);
    // A sweeper took the new file for one of a dead process, and away, before it was locked: nobody's fault.
    const isSwept = problem === undefined && !existsSync(path);
    if (isSwept || isBusy(error, problem)) return undefined;
    throw unwritable(path, problem ?? (error as Error).message, error);
  }
  return held(path, database);
}

/**
 * Waits for the lock.
 *
 * @param timeout milliseconds
 * @throws STORE_BUSY after the timeout, STORE_UNWRITABLE
 */
export async function lockFile(path: string, signal?: AbortSignal, timeout = 60_000): Promise<FileLock> {
  const end = performance.now() + timeout;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (performance.now() > end) {
      throw new DogwoodError('STORE_BUSY', `another process has held ${path} for ${timeout / 1000} s`);
    }
    await jitter(attempt, signal);
  }
}

/** A pause that grows to 50 ms, at random so that many waiting processes do not meet again and again. */
export async function jitter(attempt: number, signal?: AbortSignal): Promise<void> {
  await wait(1 + Math.random() * Math.min(50, 2 ** Math.min(attempt, 6)), undefined, { signal });
}

function held(path: string, database: DatabaseSync): FileLock {
  let open = true;
  return {
    release({ remove = false } = {}) {
      if (!open) return;
      open = false;
      try {
        if (remove) unlinkSync(path);
      } catch {
        // The folder itself may be gone; the lock ends with the handle in any case.
      }
      database.close();
    },
  };
}

/** SQLite creates 0644 under the umask; writers of another user need what the folder gives them. */
function shareWithFolder(path: string): void {
  try {
    chmodSync(path, statSync(dirname(path)).mode & 0o666);
  } catch (error) {
    // Another process made it at the same moment and sets the mode itself.
    if (!existsSync(path)) throw fileError(error, `cannot lock ${path}`);
  }
}

/**
 * Whether the lock has to be made. Ours is an empty file; SQLite must never be let loose on anything else, such as a
 * link to somebody's database that came with a stranger's layout.
 */
function checkLockFile(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return true;
  if (stats.isFile() && stats.size === 0) return false;
  throw unwritable(path, 'it is no lock file of ours');
}

/**
 * SQLITE_BUSY; or a file that cannot be opened or written although its folder can, because its maker has not yet
 * given it the folder's mode.
 */
function isBusy(error: unknown, problem: string | undefined): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  return code === 5 || ((code === 8 || code === 14) && problem === undefined);
}

/** Why nothing can be written to the folder, if so; SQLite does not say. */
function folderProblem(path: string): string | undefined {
  try {
    accessSync(dirname(path), constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function unwritable(path: string, problem: string, cause?: unknown): DogwoodError {
  return new DogwoodError('STORE_UNWRITABLE', `cannot lock ${path}: ${problem}`, { cause });
}
