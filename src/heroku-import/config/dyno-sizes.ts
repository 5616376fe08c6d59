import type { Platform } from '../../oci/descriptor.ts';

/** Cedar's dynos are all of this kind; Fir's may be of another. */
export const DYNO_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

/** What a dyno of a size has (Dev Center, "Dyno Sizes"; heroku.md section 4). */
export interface DynoSize {
  /** MiB. */
  readonly memory: number;
  /** Shares of a processor, 1 on a shared one. */
  readonly cpu: number;
}

const SIZES: ReadonlyMap<string, DynoSize> = new Map([
  ['eco', { memory: 512, cpu: 1 }],
  ['basic', { memory: 512, cpu: 1 }],
  ['standard-1x', { memory: 512, cpu: 1 }],
  ['standard-2x', { memory: 1024, cpu: 1 }],
  ['performance-m', { memory: 2560, cpu: 2 }],
  ['performance-l', { memory: 14_336, cpu: 8 }],
  ['performance-l-ram', { memory: 30_720, cpu: 4 }],
  ['performance-xl', { memory: 63_488, cpu: 8 }],
  ['performance-2xl', { memory: 129_024, cpu: 16 }],
  ['private-s', { memory: 1024, cpu: 1 }],
  ['private-m', { memory: 2560, cpu: 2 }],
  ['private-l', { memory: 14_336, cpu: 8 }],
  ['shield-s', { memory: 1024, cpu: 1 }],
  ['shield-m', { memory: 2560, cpu: 2 }],
  ['shield-l', { memory: 14_336, cpu: 8 }],
]);

/** Undefined for a size that is not in the table: nothing is made up for it. */
export function dynoSize(name: string): DynoSize | undefined {
  return SIZES.get(name.toLowerCase());
}
