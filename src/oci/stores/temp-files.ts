import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import { type FileLock, tryLock } from './file-lock.ts';

const LOCK_NAME = /^\.dogwood-([0-9a-f]{16})\.lock$/;

/** Names for temporary files (or folders) in one folder, which are swept if this process dies. */
export interface TempFiles {
  /**
   * Runs with the path of a file or folder that does not exist yet. What is still there afterwards is removed;
   * whoever wants to keep the file renames it.
   */
  use<T>(work: (path: string) => Promise<T>): Promise<T>;
  /** Like `use`, for a file or folder that outlives the call; `dispose` removes it. */
  reserve(): Promise<{ path: string; dispose(): Promise<void> }>;
}

/**
 * Temporary files of this process carry a random session name, whose lock file is held as long as one of them is in
 * use. What carries the name of a session that nobody holds belongs to a dead process. Process ids would not do: the
 * same folder may be written to from several containers.
 */
export function createTempFiles(directory: string): TempFiles {
  let session: { name: string; lock: FileLock } | undefined;
  let users = 0;
  let count = 0;
  let swept: Promise<void> | undefined;

  const reserve = async (): Promise<{ path: string; dispose(): Promise<void> }> => {
    swept ??= sweepTempFiles(directory);
    await swept;
    session ??= openSession(directory);
    users++;
    const path = join(directory, `.dogwood-${session.name}-${count++}.tmp`);
    let disposed = false;
    return {
      path,
      async dispose() {
        if (disposed) return;
        disposed = true;
        await rm(path, { recursive: true, force: true });
        if (--users > 0) return;
        session?.lock.release({ remove: true });
        session = undefined;
      },
    };
  };

  return {
    reserve,
    async use(work) {
      const file = await reserve();
      try {
        return await work(file.path);
      } finally {
        await file.dispose();
      }
    },
  };
}

/** Removes what dead processes left in the folder. Live ones hold the lock of their session and lose nothing. */
export async function sweepTempFiles(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const session = LOCK_NAME.exec(name)?.[1];
    const lock = session === undefined ? undefined : lockIfDead(join(directory, name));
    if (lock === undefined) continue;
    // The lock goes last, so that no file is ever without one.
    const mine = names.filter((other) => other.startsWith(`.dogwood-${session}-`) && other.endsWith('.tmp'));
    for (const file of mine) await rm(join(directory, file), { recursive: true, force: true });
    lock.release({ remove: true });
  }
}

function lockIfDead(path: string): FileLock | undefined {
  try {
    return tryLock(path);
  } catch {
    // Of another user; theirs to sweep.
    return undefined;
  }
}

function openSession(directory: string): { name: string; lock: FileLock } {
  for (let attempt = 0; attempt < 100; attempt++) {
    const name = randomBytes(8).toString('hex');
    const path = join(directory, `.dogwood-${name}.lock`);
    const lock = tryLock(path);
    // A sweeper may have been faster with the new file: then it has it locked, or has removed it.
    if (lock !== undefined && existsSync(path)) return { name, lock };
    lock?.release();
  }
  throw new DogwoodError('STORE_BUSY', `cannot make a temporary file in ${directory}`);
}
