import { join } from 'node:path';
import { makeFolder } from './blob-files.ts';
import { type FileLock, lockFile, tryLock } from './file-lock.ts';
import { namingHome } from './local.ts';

export interface HoldOptions {
  /** Called once if somebody else holds the name. */
  readonly onWait: () => void;
  /** Ends the wait, which has no other limit. */
  readonly signal: AbortSignal;
}

/**
 * Waits until nobody who has the same home holds a name, and holds it. A process that dies lets go. The file stays:
 * who waits for it must not come in by another of the same name.
 *
 * @param name of letters, digits, dots and dashes
 * @throws STORE_UNWRITABLE, the signal's reason
 */
export async function holdName(
  home: string,
  name: string,
  { onWait, signal }: HoldOptions,
): Promise<Pick<FileLock, 'release'>> {
  try {
    const folder = join(home, 'locks');
    await makeFolder(home, 0o700);
    await makeFolder(folder, 0o700);
    const path = join(folder, `${name}.lock`);
    const free = tryLock(path);
    if (free !== undefined) return free;
    onWait();
    return await lockFile(path, signal, Number.POSITIVE_INFINITY);
  } catch (error) {
    signal.throwIfAborted();
    throw namingHome(error);
  }
}
