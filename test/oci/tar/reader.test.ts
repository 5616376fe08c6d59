import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { createTarReader } from '../../../src/oci/tar/reader.ts';
import { listing, observe, paths } from './observe.ts';
import {
  archive,
  directory,
  END,
  file,
  GNU,
  hardlink,
  header,
  longLink,
  longName,
  pax,
  symlink,
  V7,
  withChecksum,
} from './raw-tar.ts';

const only = (bytes: Buffer) => {
  const [first] = observe(bytes);
  if (first === undefined) throw new Error('no member');
  return first;
};

describe('members', () => {
  test('every field of a file', () => {
    const { entry, content, ended } = only(
      archive(file('./app/x', 'content', { mode: 0o4755, uid: 1, gid: 2, mtime: 3, uname: 'u' })),
    );
    expect(entry).toEqual({
      path: 'app/x',
      rawPath: './app/x',
      type: 'file',
      size: 7,
      mode: 0o4755,
      uid: 1,
      gid: 2,
      uname: 'u',
      gname: '',
      mtime: 3,
    });
    expect(content.toString()).toBe('content');
    expect(ended).toBe(true);
  });

  test.each([
    ['./app/./x', 'app/x'],
    ['app//x', 'app/x'],
    ['././app/x', 'app/x'],
    ['app/.x', 'app/.x'],
    ['app/..x', 'app/..x'],
    ['app/x.', 'app/x.'],
    ['app/...', 'app/...'],
    ['app/a\\b', 'app/a\\b'],
    ['C:\\x', 'C:\\x'],
    ['app/new\nline', 'app/new\nline'],
    ['\ufeffapp/bom', '\ufeffapp/bom'],
    ['app/e\u0301', 'app/e\u0301'],
    ['app/.whx', 'app/.whx'],
  ])('the name %j is %j', (raw, path) => {
    expect(only(archive(file(raw))).entry).toMatchObject({ path, rawPath: raw });
  });

  test('names that differ only in case or in Unicode form are two', () => {
    const bytes = archive(file('a'), file('A'), file('\u00e9'), file('e\u0301'));
    expect(paths(observe(bytes))).toHaveLength(4);
  });

  test('the root may be there, as . or ./', () => {
    expect(only(archive(directory('./'))).entry).toMatchObject({ path: '', type: 'directory' });
    expect(only(archive(directory('.'))).entry).toMatchObject({ path: '', type: 'directory' });
  });

  test('a directory may come behind what lies in it', () => {
    expect(paths(observe(archive(file('app/d/x'), directory('app/d/'), directory('app'))))).toEqual([
      'app/d/x',
      'app/d',
      'app',
    ]);
  });

  test('symlinks may point anywhere: they are data', () => {
    const targets = ['/etc/passwd', '../../..', '.', 'none', 'a//b/', '/'];
    const seen = observe(archive(...targets.map((target, index) => symlink(`l${index}`, target))));
    expect(seen.map(({ entry }) => entry.linkTarget)).toEqual(targets);
  });

  test('hard links name an earlier file or hard link, normalised', () => {
    const bytes = archive(file('./app/f', 'x'), hardlink('./app/h', './app/./f'), hardlink('app/i', 'app/h'));
    expect(observe(bytes).map(({ entry }) => [entry.type, entry.linkTarget])).toEqual([
      ['file', undefined],
      ['hardlink', 'app/f'],
      ['hardlink', 'app/h'],
    ]);
  });
});

describe('formats', () => {
  test('ustar joins prefix and name', () => {
    const prefix = 'p'.repeat(155);
    expect(only(archive(file('x', '', { prefix }))).entry.path).toBe(`${prefix}/x`);
  });

  test('a name of exactly 100 bytes has no NUL', () => {
    expect(only(archive(file('n'.repeat(100)))).entry.path).toBe('n'.repeat(100));
  });

  test('V7: files of type NUL, directories by a slash', () => {
    const bytes = archive(
      file('d/', '', { type: '\0', magic: V7 }),
      file('d/x', 'y', { type: '\0', magic: V7 }),
    );
    expect(observe(bytes).map(({ entry }) => entry.type)).toEqual(['directory', 'file']);
  });

  test('GNU long names and links', () => {
    const name = `app/${'n'.repeat(200)}`;
    const bytes = archive(longLink('t'.repeat(300)), longName(name), symlink('app/n', 't', { magic: GNU }));
    expect(only(bytes).entry).toMatchObject({ path: name, linkTarget: 't'.repeat(300) });
  });

  test('PAX records apply to the next member only', () => {
    const records = {
      path: 'app/é',
      uid: '70000',
      gid: '4294967295',
      mtime: '12.987',
      uname: 'ü',
      atime: '1',
    };
    const bytes = archive(pax(records), file('x', 'y'), file('z'));
    const [first, second] = observe(bytes);
    expect(first?.entry).toMatchObject({
      path: 'app/é',
      uid: 70000,
      gid: 4294967295,
      mtime: 12,
      uname: 'ü',
      size: 1,
    });
    expect(second?.entry).toMatchObject({ path: 'z', uid: 1000, mtime: 1_700_000_000 });
  });

  test('extended attributes and other vendor records are shown', () => {
    const records = { 'SCHILY.xattr.user.a': Buffer.from([0, 10, 255]), 'LIBARCHIVE.creationtime': '1' };
    const { entry } = only(archive(pax(records), file('x')));
    expect(entry.xattrs).toEqual(new Map([['user.a', Buffer.from([0, 10, 255])]]));
    expect(entry.vendorKeywords).toEqual(['LIBARCHIVE.creationtime']);
  });

  test('the comment of git archive is passed over', () => {
    expect(paths(observe(archive(pax({ comment: 'a'.repeat(40) }, 'g'), file('x'))))).toEqual(['x']);
  });

  test('a size beyond 8 GiB comes from PAX or base-256', () => {
    const size = 2 ** 33 + 5;
    const field = Buffer.alloc(12);
    field[0] = 0x80;
    field.writeBigUInt64BE(BigInt(size), 4);
    const limits = { maxMemberBytes: 2 ** 40 };
    for (const bytes of [
      header({ name: 'x', size: field, magic: GNU }),
      Buffer.concat([pax({ size: `${size}` }), header({ name: 'x', size: 0 })]),
      Buffer.concat([pax({ size: `${size}` }), header({ name: 'x', size: '77777777777\0' })]),
    ]) {
      const sizes: number[] = [];
      const handler = { entry: (entry: { size: number }) => sizes.push(entry.size), data: () => undefined };
      createTarReader(handler, { limits }).write(bytes);
      expect(sizes).toEqual([size]);
    }
  });

  test('the checksum of old tars, of signed bytes', () => {
    expect(paths(observe(archive(file('é', '', { signedChecksum: true }))))).toEqual(['é']);
  });

  test('numbers padded with spaces in front or behind', () => {
    const fields = { mode: '   644 \0', uid: '1750   \0', gid: '001750\0 ', size: '          1 ' };
    expect(only(archive(file('x', 'y', fields))).entry).toMatchObject({
      mode: 0o644,
      uid: 1000,
      gid: 1000,
      size: 1,
    });
  });

  test('zeros behind the end, as blocking adds them', () => {
    expect(paths(observe(Buffer.concat([archive(file('x')), Buffer.alloc(9 * 1024)])))).toEqual(['x']);
  });

  test('an archive of nothing', () => {
    expect(observe(END)).toEqual([]);
  });
});

describe('image layers', () => {
  const rules = { rules: 'image-layer' } as const;

  test('pass what their makers put in: whiteouts, devices, repeats, absolute names', () => {
    const bytes = archive(
      file('etc/.wh.x'),
      header({ name: 'dev/null', type: '3' }),
      file('a', '1'),
      file('a', '2'),
      file('/b', 'x'),
      hardlink('c', '/a'),
      symlink('d', '/e'),
      file('d/f'),
    );
    expect(observe(bytes, rules).map(({ entry }) => [entry.path, entry.type])).toEqual([
      ['etc/.wh.x', 'file'],
      ['dev/null', 'other'],
      ['a', 'file'],
      ['a', 'file'],
      ['b', 'file'],
      ['c', 'hardlink'],
      ['d', 'symlink'],
      ['d/f', 'file'],
    ]);
  });

  test('skip what follows a type nobody knows, and read on', () => {
    const seen = observe(archive(file('v', 'unknown', { type: 'Z' }), file('x', 'y')), rules);
    expect(seen.map(({ entry, content }) => [entry.type, entry.size, `${content}`])).toEqual([
      ['other', 0, ''],
      ['file', 1, 'y'],
    ]);
  });

  test('may lack their end', () => {
    expect(paths(observe(file('x', 'y'), rules))).toEqual(['x']);
    expect(() => observe(file('x', 'y').subarray(0, 513), rules)).toThrow(/ends after 513 bytes/);
  });

  test('still may not climb, nor have wrong checksums', () => {
    expect(() => observe(archive(file('../x')), rules)).toThrow(/climbs/);
    expect(() => observe(archive(file('x', '', { checksumError: 1 })), rules)).toThrow(/checksum/);
  });
});

describe('properties', () => {
  const sample = archive(
    directory('./app/'),
    file('./app/one', 'x'.repeat(1300)),
    pax({ path: `app/${'ü'.repeat(80)}`, mtime: '1.5' }),
    file('app/long', 'content'),
    longName(`app/${'g'.repeat(150)}`),
    file('app/g', '', { magic: GNU }),
    symlink('app/l', '../x'),
    hardlink('app/h', 'app/one'),
    file('app/two', 'y'.repeat(512)),
  );
  const expected = listing(observe(sample));

  test('however the bytes are cut, the events are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        expect(listing(observe(sample, {}, sizes))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  const change = fc.record({ at: fc.nat(sample.length - 1), byte: fc.nat(255) });

  test('damaged archives are read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.boolean(), (changes, repaired) => {
        const bytes = Buffer.from(sample);
        for (const { at, byte } of changes) {
          bytes[at] = byte;
          const block = at - (at % 512);
          // With the checksum made right again, the fields behind it are what is tried.
          if (repaired && bytes.toString('latin1', block + 257, block + 262) === 'ustar') {
            withChecksum(bytes.subarray(block, block + 512));
          }
        }
        for (const rules of ['strict', 'image-layer'] as const) {
          try {
            observe(bytes, { rules });
          } catch (error) {
            expect(error).toBeInstanceOf(DogwoodError);
            expect((error as DogwoodError).code).not.toBe('INTERNAL');
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test('noise is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
        fc.pre(bytes.some((byte) => byte !== 0));
        expect(() => observe(bytes)).toThrow(DogwoodError);
      }),
      { numRuns: 100 },
    );
  });
});

test('many members are told apart', () => {
  let count = 0;
  const reader = createTarReader({ entry: () => count++, data: () => undefined });
  for (let index = 0; index < 5_000; index++) {
    reader.write(header({ name: `app/${index % 100}/folder/${index}` }));
  }
  expect(count).toBe(5_000);
  expect(() => reader.write(header({ name: 'app/99/folder/4999' }))).toThrow(/in the archive already/);
});
