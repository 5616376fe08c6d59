import { DogwoodError } from '../../errors.ts';
import { DEFAULT_TAR_LIMITS, type TarLimits } from '../../oci/tar/entry.ts';

/** Bounds on what is read from a slug. Each can be set otherwise with --limit NAME=VALUE. */
export interface SlugLimits extends TarLimits {
  /** Bytes that may come out of one compressed byte, once 64 MiB came out. Deflate itself reaches 1032. */
  readonly maxRatio: number;
}

/** What holds for every slug when nobody says otherwise. */
export const DEFAULT_SLUG_LIMITS: SlugLimits = { ...DEFAULT_TAR_LIMITS, maxRatio: 200 };

/** The limits with some of them set otherwise. Throws USAGE for a name that is no limit. */
export function limitsWith(overrides: Readonly<Record<string, number>>): SlugLimits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(DEFAULT_SLUG_LIMITS, name)) {
      throw new DogwoodError('USAGE', `there is no limit ${name}`, {
        hint: `The limits are ${Object.keys(DEFAULT_SLUG_LIMITS).join(', ')}.`,
      });
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new DogwoodError('USAGE', `the limit ${name} must be a positive whole number`);
    }
  }
  return { ...DEFAULT_SLUG_LIMITS, ...overrides };
}
