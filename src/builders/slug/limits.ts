import { DogwoodError } from '../../errors.ts';
import { DEFAULT_TAR_LIMITS, type TarLimits } from '../../oci/tar/entry.ts';

/** The reader's limits with some of them set otherwise. Throws USAGE for a name that is no limit. */
export function limitsWith(overrides: Readonly<Record<string, number>>): TarLimits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!(name in DEFAULT_TAR_LIMITS)) {
      throw new DogwoodError('USAGE', `there is no limit ${name}`, {
        hint: `The limits are ${Object.keys(DEFAULT_TAR_LIMITS).join(', ')}.`,
      });
    }
    if (!Number.isSafeInteger(value) || value < 1)
      throw new DogwoodError('USAGE', `the limit ${name} must be a positive whole number`);
  }
  return { ...DEFAULT_TAR_LIMITS, ...overrides };
}
