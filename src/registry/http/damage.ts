import { DogwoodError } from '../../errors.ts';
import { NetError } from '../../net/net-error.ts';

/**
 * An answer that is no HTTP. From somebody who spoke it a moment ago, it was damaged on its way; but headers without an
 * end are no damage.
 */
export function isGarbled(error: unknown): error is NetError {
  if (!(error instanceof NetError) || error.kind !== 'protocol' || !(error.cause instanceof Error))
    return false;
  const code = `${(error.cause as NodeJS.ErrnoException).code}`;
  return code.startsWith('HPE_') && code !== 'HPE_HEADER_OVERFLOW';
}

/**
 * Damage on the way, where a registry refuses or names other bytes than those that we hashed as they left. Other
 * errors come back as they are.
 */
export function changedOnTheWay(error: unknown): unknown {
  if (!(error instanceof DogwoodError)) return error;
  if (error.code !== 'DIGEST_MISMATCH' && error.code !== 'SIZE_MISMATCH') return error;
  return new DogwoodError('TRANSFER_DAMAGED', error.message, { cause: error.cause ?? error });
}
