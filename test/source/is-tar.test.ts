import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isTar } from '../../src/source/is-tar.ts';
import { archive, file } from '../oci/tar/raw-tar.ts';

const tar = archive(file('Dockerfile', 'FROM scratch\n'), file('logo', randomBytes(2000)));

test.each([
  ['plain', tar],
  ['gzip', gzipSync(tar)],
  ['zstd', zstdCompressSync(tar)],
  ['gzip with something behind it', Buffer.concat([gzipSync(tar), Buffer.from('junk')])],
  ['gzip whose check sum is wrong', Buffer.concat([gzipSync(tar).subarray(0, -8), Buffer.alloc(8, 1)])],
  ['gzip that was cut short', gzipSync(tar).subarray(0, -4)],
])('a tar is one, damaged behind its beginning or not: %s', (_what, bytes) => {
  expect(isTar(bytes)).toBe(true);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('hello\n'.repeat(200))],
  ['a text in gzip', gzipSync('hello\n'.repeat(200))],
  ['a few bytes in gzip', gzipSync('x')],
])('what begins otherwise is none: %s', (_what, bytes) => {
  expect(isTar(bytes)).toBe(false);
});
