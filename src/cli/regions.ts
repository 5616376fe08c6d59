import type { Quorum } from '../plan/request.ts';
import type { ResultReference } from '../plan/result.ts';
import { exitCodeOf } from './failure.ts';

/**
 * The exit code for what became of each registry: 0 when enough of them have the image, else the one that all
 * failures share, else 3, since trying again is worth it for some of them.
 */
export function regionsExitCode(references: readonly ResultReference[], quorum: Quorum): number {
  const available = references.filter(({ state }) => state === 'available').length;
  const needed = quorum === 'all' ? references.length : quorum === 'any' ? 1 : quorum;
  if (available >= Math.min(needed, references.length)) return 0;
  const codes = new Set(references.flatMap(({ error }) => (error === null ? [] : [exitCodeOf(error)])));
  const [only] = codes;
  return only !== undefined && codes.size === 1 && available === 0 ? only : 3;
}
