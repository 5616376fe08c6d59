import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sniffCompression } from '../../../src/oci/compression/sniff.ts';

test.each<[string, Uint8Array]>([
  ['gzip', gzipSync('x')],
  ['zstd', zstdCompressSync('x')],
  ['zstd', Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)],
  ['xz', Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)],
  ['bzip2', Buffer.from('BZh91AY')],
  ['lzip', Buffer.from('LZIP\x01')],
  ['lz4', Uint8Array.of(0x04, 0x22, 0x4d, 0x18)],
  ['compress', Uint8Array.of(0x1f, 0x9d, 0x90)],
  ['none', Buffer.from('app/\0\0\0')],
  ['none', new Uint8Array(0)],
  ['none', Uint8Array.of(0x1f)],
])('%s', (name, head) => {
  expect(sniffCompression(head)).toBe(name);
});
