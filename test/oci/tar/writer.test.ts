import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/oci/digest.ts';
import { createTarWriter, type TarWriterEntry, tarStream } from '../../../src/oci/tar/writer.ts';
import { observe } from './observe.ts';
import { END, header, padded } from './raw-tar.ts';

const plain = { mode: 0o644, mtime: 0, uid: 0, gid: 0 };
const headerOf = (entry: Partial<TarWriterEntry>): Buffer =>
  Buffer.from(createTarWriter().header({ ...plain, path: 'x', type: 'file', ...entry }));

describe('the canonical form', () => {
  test('is ustar where ustar will do', () => {
    const entry = { path: 'app/x', mode: 0o755, mtime: 1_700_000_000, uid: 1000, gid: 1000, size: 5 };
    const expected = header({ name: 'app/x', mode: 0o755, size: 5 });
    expected.write('0000000\0', 329);
    expected.write('0000000\0', 337);
    let sum = 0;
    for (const byte of expected.fill(' ', 148, 156)) sum += byte;
    expected.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(headerOf(entry)).toEqual(expected);
  });

  test.each<[string, Partial<TarWriterEntry>, number]>([
    ['a short name', { path: 'a'.repeat(100) }, 512],
    ['a name with a prefix', { path: `${'p'.repeat(155)}/${'n'.repeat(100)}` }, 512],
    ['a directory that just fits', { path: `${'p'.repeat(155)}/${'n'.repeat(99)}`, type: 'directory' }, 512],
    ['a link of 100 bytes', { type: 'symlink', linkTarget: 'l'.repeat(100) }, 512],
    [
      'the largest ids, size and time',
      { uid: 2097151, gid: 2097151, size: 2 ** 33 - 1, mtime: 2 ** 33 - 1 },
      512,
    ],
    ['a name without a place to cut', { path: 'a'.repeat(101) }, 1536],
    ['a directory whose name just does not fit', { path: 'n'.repeat(100), type: 'directory' }, 1536],
    ['a name beyond 256', { path: `${'p'.repeat(156)}/${'n'.repeat(99)}` }, 1536],
    ['a name that is not ASCII', { path: 'é' }, 1536],
    ['a link of 101 bytes', { type: 'symlink', linkTarget: 'l'.repeat(101) }, 1536],
    ['a link that is not ASCII', { type: 'hardlink', linkTarget: 'é' }, 1536],
    ['a larger uid', { uid: 2097152 }, 1536],
    ['a larger gid', { gid: 2097152 }, 1536],
    ['a larger size', { size: 2 ** 33 }, 1536],
    ['a later time', { mtime: 2 ** 33 }, 1536],
  ])('%s', (_, entry, bytes) => {
    expect(headerOf(entry)).toHaveLength(bytes);
  });

  test('PAX records are sorted, behind a header that never changes', () => {
    const bytes = headerOf({ path: 'é', uid: 3e6, gid: 3e6, mtime: 99, mode: 0o700 });
    const body = '15 gid=3000000\n11 path=é\n15 uid=3000000\n';
    expect(bytes.subarray(512, 1024)).toEqual(padded(Buffer.from(body)));
    const fixed = headerOf({ path: 'ö', uid: 3e6, gid: 3e6, mtime: 7, mode: 0o644 }).subarray(0, 512);
    expect(bytes.subarray(0, 512)).toEqual(fixed);
  });

  test('the bytes of a small archive never change', async () => {
    const tar = await buffer(
      tarStream([
        { ...plain, path: 'd', type: 'directory', mode: 0o755 },
        { ...plain, path: 'd/f', type: 'file', size: 3, content: [Buffer.from('abc')] },
        { ...plain, path: 'd/ü', type: 'symlink', mode: 0o777, linkTarget: 'f' },
      ]),
    );
    expect(tar.subarray(-1024)).toEqual(END);
    expect(digestOf(tar)).toMatchInlineSnapshot(
      `"sha256:c64e22150267a3f23e98873979a9d2c285d3911d0b164f1c9883cad58f7c8346"`,
    );
  });

  test('padding and trailer', () => {
    const writer = createTarWriter();
    expect([0, 1, 511, 512, 513].map((size) => writer.padding(size).length)).toEqual([0, 511, 1, 0, 511]);
    expect(Buffer.from(writer.trailer())).toEqual(END);
  });
});

describe('refusals', () => {
  test.each<[string, Partial<TarWriterEntry>]>([
    ['an absolute path', { path: '/x' }],
    ['a path with a slash behind', { path: 'x/' }],
    ['a climbing path', { path: 'a/../x' }],
    ['a path with dots', { path: './x' }],
    ['a path with a NUL', { path: 'a\0b' }],
    ['a root that is a file', { path: '' }],
    ['a symlink without a target', { type: 'symlink' }],
    ['a file with a target', { linkTarget: 'x' }],
    ['a directory with content', { type: 'directory', size: 1 }],
    ['a type that cannot be written', { type: 'other' }],
    ['a negative time', { mtime: -1 }],
    ['half a second', { mtime: 0.5 }],
    ['a mode with a type in it', { mode: 0o100644 }],
  ])('%s', (_, entry) => {
    expect(() => headerOf(entry)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  test.each([
    ['short', 4],
    ['long', 2],
    ['missing', 3],
  ])('content that is too %s', async (what, size) => {
    const content = what === 'missing' ? undefined : [Buffer.from('abc')];
    const entry: TarWriterEntry = { ...plain, path: 'x', type: 'file', size, content };
    await expect(buffer(tarStream([entry]))).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });
});

describe('round trip', () => {
  const segment = fc
    .oneof(
      fc.string({ minLength: 1, maxLength: 90 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    )
    .map((text) => text.toWellFormed().replace(/[/\0]/g, '_'))
    .filter(
      (text) => text !== '.' && text !== '..' && !text.startsWith('.wh.') && Buffer.byteLength(text) < 256,
    );
  const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'));
  const number = fc.oneof(fc.nat(0o7777777), fc.nat(0xffffffff));
  const common = { path, mode: fc.nat(0o7777), mtime: fc.nat(2 ** 36), uid: number, gid: number };
  const target = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 300 })
    .map((text) => text.toWellFormed().replaceAll('\0', '_'));
  const member = fc.oneof(
    fc.record({ ...common, type: fc.constant('file' as const), content: fc.uint8Array({ maxLength: 1200 }) }),
    fc.record({ ...common, type: fc.constant('directory' as const) }),
    fc.record({ ...common, type: fc.constant('symlink' as const), linkTarget: target }),
  );

  test('what is written is read again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 8 }),
        fc.integer({ min: 1, max: 3000 }),
        async (drawn, size) => {
          // Each under a folder of its own: members must not stand in each other's way here.
          const members = drawn.map((one, index) => ({ ...one, path: `${index}/${one.path}` }));
          const entries = members.map((one): TarWriterEntry => {
            return 'content' in one ? { ...one, size: one.content.length, content: [one.content] } : one;
          });
          const tar = await buffer(tarStream(entries));
          const seen = observe(tar, {}, [size]);
          expect(
            seen.map(({ entry: { path, type, mode, mtime, uid, gid } }) => ({
              path,
              type,
              mode,
              mtime,
              uid,
              gid,
            })),
          ).toEqual(
            members.map(({ path, type, mode, mtime, uid, gid }) => ({ path, type, mode, mtime, uid, gid })),
          );
          expect(seen.map(({ entry }) => entry.linkTarget)).toEqual(
            members.map((one) => ('linkTarget' in one ? one.linkTarget : undefined)),
          );
          expect(seen.map(({ content }) => content)).toEqual(
            members.map((one) => Buffer.from('content' in one ? one.content : [])),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});
