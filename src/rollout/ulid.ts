import { createHash } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A ULID that is the same for the same moment and content: its time, in milliseconds, and 80 bits of the content's
 * SHA-256 where others have chance (ulid/spec).
 */
export function ulidOf(milliseconds: number, content: string): string {
  const hash = createHash('sha256').update(content).digest();
  const chance = BigInt(`0x${hash.subarray(0, 10).toString('hex')}`);
  // 48 bits of time: until the year 10889.
  const bits = (BigInt.asUintN(48, BigInt(Math.trunc(milliseconds))) << 80n) | chance;
  return Array.from({ length: 26 }, (_, index) =>
    CROCKFORD.charAt(Number((bits >> BigInt(5 * (25 - index))) & 31n)),
  ).join('');
}
