import { DogwoodError } from '../../errors.ts';

const UNWRITABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'ENAMETOOLONG',
]);
const NO_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What the file system said, as an error with a code; everything that is no file system error passes as it is. */
export function fileError(error: unknown, what: string): unknown {
  if (error instanceof DogwoodError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (NO_SPACE.has(code)) return new DogwoodError('DISK_FULL', `${what}: ${error.message}`, { cause: error });
  if (UNWRITABLE.has(code)) {
    return new DogwoodError('STORE_UNWRITABLE', `${what}: ${error.message}`, { cause: error });
  }
  return error;
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
