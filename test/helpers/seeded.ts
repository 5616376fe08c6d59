import { createCipheriv, createHash } from 'node:crypto';

/** Chance that a seed decides: the same seed gives the same numbers in the same order. */
export interface Seeded {
  /** From 0 up to 1. */
  number(): number;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  /** One of them. */
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** True with this probability. */
  chance(probability: number): boolean;
  bytes(size: number): Buffer;
}

export function seeded(seed: string | number): Seeded {
  const key = createHash('sha256').update(String(seed)).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const bytes = (size: number): Buffer => stream.update(Buffer.alloc(size));
  const number = (): number => bytes(6).readUIntBE(0, 6) / 2 ** 48;
  const between = (least: number, most: number): number => least + Math.floor(number() * (most - least + 1));
  return {
    number,
    between,
    bytes,
    chance: (probability) => number() < probability,
    pick: (choices) => choices[between(0, choices.length - 1)] ?? choices[0],
  };
}
