import { createHash } from 'node:crypto';

/** A UUID that depends on nothing but a text, so that a world is the same in every run. */
export function idOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = (8 + (Number.parseInt(hex[16] ?? '0', 16) % 4)).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** A commit as Git would name it. */
export function commitOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
