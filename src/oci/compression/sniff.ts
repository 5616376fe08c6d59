/** What some bytes are compressed with. Dogwood reads gzip, zstd and none; the others are known by name, for messages. */
export type SniffedCompression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'lzip' | 'lz4' | 'compress';

const MAGIC: readonly (readonly [SniffedCompression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzip', [0x4c, 0x5a, 0x49, 0x50]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['compress', [0x1f, 0x9d]],
];

/** Bytes that `sniffCompression` looks at. */
export const SNIFF_BYTES = 6;

/** Tells the compression of a file by its first bytes (SNIFF_BYTES of them, or all there are). */
export function sniffCompression(head: Uint8Array): SniffedCompression {
  // RFC 8878 section 3.1.2: a zstd file may begin with a skippable frame, 0x184D2A50 to 0x184D2A5F.
  const skippable =
    head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 && ((head[0] ?? 0) & 0xf0) === 0x50;
  if (skippable) return 'zstd';
  return MAGIC.find(([, magic]) => magic.every((byte, index) => head[index] === byte))?.[0] ?? 'none';
}
