import { describe, expect, test } from 'vitest';
import { DogwoodError, type ErrorCode } from '../../../src/errors.ts';
import { observe } from './observe.ts';
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
  padded,
  pax,
  record,
  symlink,
  V7,
} from './raw-tar.ts';

type Row = readonly [what: string, bytes: Buffer, code: ErrorCode, named?: string];

const base256 = (length: number, ...bytes: number[]): Buffer => {
  const field = Buffer.alloc(length);
  field[0] = 0x80;
  field.set(bytes, length - bytes.length);
  return field;
};
/** With something in the padding behind its content. */
const dirty = (member: Buffer): Buffer => {
  const bytes = Buffer.from(member);
  bytes[bytes.length - 1] = 0x31;
  return bytes;
};
const all = (length: number, byte: number): Buffer => Buffer.alloc(length, byte);
const long = (length: number): string => 'n'.repeat(length);
const deep = (bytes: number): string => 'd/'.repeat(bytes / 2);

/** What every tar reader in the wild has been attacked with (the CVEs are named in the rules under test). */
const PATHS: readonly Row[] = [
  ['a parent segment', archive(file('app/../../etc/passwd')), 'TAR_PATH_UNSAFE', 'app/../../etc/passwd'],
  ['a leading parent segment', archive(file('../x')), 'TAR_PATH_UNSAFE', '../x'],
  ['a trailing parent segment', archive(directory('app/..')), 'TAR_PATH_UNSAFE'],
  ['only a parent segment', archive(directory('..')), 'TAR_PATH_UNSAFE'],
  ['an absolute path', archive(file('/etc/passwd')), 'TAR_PATH_UNSAFE', '/etc/passwd'],
  ['an absolute path in PAX', archive(pax({ path: '/etc/passwd' }), file('x')), 'TAR_PATH_UNSAFE'],
  [
    'an absolute GNU long name',
    archive(longName(`/${long(200)}`), file('x', '', { magic: GNU })),
    'TAR_PATH_UNSAFE',
  ],
  ['a parent segment in PAX', archive(pax({ path: 'app/../../x' }), file('app/x')), 'TAR_PATH_UNSAFE'],
  [
    'a parent segment in a GNU long name',
    archive(longName('app/../../x'), file('app/x', '', { magic: GNU })),
    'TAR_PATH_UNSAFE',
  ],
  ['a parent segment in the prefix', archive(file('x', '', { prefix: '../..' })), 'TAR_PATH_UNSAFE'],
  [
    'a parent segment split between prefix and name',
    archive(file('./x', '', { prefix: 'app/..' })),
    'TAR_PATH_UNSAFE',
  ],
  ['an empty name', archive(file('', 'x')), 'TAR_PATH_UNSAFE'],
  ['a NUL in a PAX path', archive(pax({ path: 'app/x\0/../y' }), file('app/x')), 'TAR_PATH_UNSAFE'],
  [
    'a NUL in a GNU long name',
    archive(longName('app/x\0hidden'), file('app/x', '', { magic: GNU })),
    'TAR_HEADER_INVALID',
  ],
  ['data behind the NUL of the name', archive(file('app/x\0hidden')), 'TAR_HEADER_INVALID'],
  [
    'data behind the NUL of the prefix',
    archive(file('x', '', { prefix: 'app\0evil' })),
    'TAR_HEADER_INVALID',
  ],
  ['data behind the NUL of the link name', archive(symlink('app/l', 'a\0b')), 'TAR_HEADER_INVALID'],
  ['a name that is no UTF-8', archive(file(Buffer.from([0x61, 0xff, 0x62]))), 'TAR_PATH_UNSAFE'],
  [
    'an overlong encoding of a slash',
    archive(file(Buffer.from([0x61, 0xc0, 0xaf, 0x62]))),
    'TAR_PATH_UNSAFE',
  ],
  ['an encoded surrogate', archive(file(Buffer.from([0x61, 0xed, 0xa0, 0x80]))), 'TAR_PATH_UNSAFE'],
  ['a segment too long', archive(pax({ path: `app/${long(256)}` }), file('x')), 'LIMIT_EXCEEDED'],
  ['a path too long', archive(pax({ path: `${deep(4096)}x` }), file('x')), 'LIMIT_EXCEEDED'],
  ['a file called like a directory', archive(file('app/x/', 'content')), 'TAR_PATH_UNSAFE'],
  ['a file called like a directory by a dot', archive(file('app/x/.')), 'TAR_PATH_UNSAFE'],
  [
    'an old file called like a directory by a dot',
    archive(file('app/x/.', '', { type: '\0' })),
    'TAR_PATH_UNSAFE',
  ],
  ['a symlink called like a directory', archive(symlink('app/x/', 'y')), 'TAR_PATH_UNSAFE'],
  ['a root that is a file', archive(file('./.')), 'TAR_PATH_UNSAFE'],
  ['a whiteout', archive(file('app/.wh.secret')), 'TAR_WHITEOUT', 'app/.wh.secret'],
  ['an opaque whiteout', archive(file('app/.wh..wh..opq')), 'TAR_WHITEOUT'],
  ['an aufs whiteout', archive(file('.wh..wh.plnk')), 'TAR_WHITEOUT'],
  ['a bare whiteout', archive(file('app/.wh.')), 'TAR_WHITEOUT'],
  ['a whiteout in a PAX path', archive(pax({ path: 'app/.wh.x' }), file('app/x')), 'TAR_WHITEOUT'],
  ['a folder named as a whiteout', archive(file('.wh.etc/x')), 'TAR_WHITEOUT'],
];

const LINKS: readonly Row[] = [
  [
    'a file through a symlink',
    archive(symlink('app/l', '/etc'), file('app/l/passwd')),
    'TAR_LINK_UNSAFE',
    'app/l/passwd',
  ],
  [
    'a file through a chain of symlinks',
    archive(symlink('a', '.'), symlink('b', 'a'), file('b/x')),
    'TAR_LINK_UNSAFE',
  ],
  [
    'a directory through a symlink',
    archive(symlink('app/l', '/etc'), directory('app/l/cron.d')),
    'TAR_LINK_UNSAFE',
  ],
  [
    'a symlink through a symlink',
    archive(symlink('app/l', '..'), symlink('app/l/m', '..')),
    'TAR_LINK_UNSAFE',
  ],
  [
    'a file through a symlink spelt otherwise',
    archive(symlink('./app/./l', '/'), file('app//l/x')),
    'TAR_LINK_UNSAFE',
  ],
  ['a file under a file', archive(file('app/x'), file('app/x/y')), 'TAR_PATH_UNSAFE'],
  ['a file under a hard link', archive(file('a'), hardlink('b', 'a'), file('b/y')), 'TAR_PATH_UNSAFE'],
  [
    'a symlink in place of a directory',
    archive(directory('app/d'), symlink('app/d', '/etc')),
    'TAR_DUPLICATE',
  ],
  [
    'a symlink in place of an implied directory',
    archive(file('app/d/x'), symlink('app/d', '/etc')),
    'TAR_DUPLICATE',
  ],
  ['a file in place of an implied directory', archive(file('app/d/x'), file('app/d')), 'TAR_DUPLICATE'],
  [
    'a directory in place of a symlink',
    archive(symlink('app/d', '/etc'), directory('app/d')),
    'TAR_DUPLICATE',
  ],
  [
    'a file in place of a symlink',
    archive(symlink('app/f', '/etc/passwd'), file('app/f', 'x')),
    'TAR_DUPLICATE',
  ],
  ['a file twice', archive(file('app/x', '1'), file('app/x', '2')), 'TAR_DUPLICATE', 'app/x'],
  ['a file twice, spelt otherwise', archive(file('./app/x', '1'), file('app/./x', '2')), 'TAR_DUPLICATE'],
  ['a directory twice', archive(directory('app/'), directory('app')), 'TAR_DUPLICATE'],
  ['the root twice', archive(directory('./'), directory('.')), 'TAR_DUPLICATE'],
  ['a hard link over a file', archive(file('a'), file('b'), hardlink('a', 'b')), 'TAR_DUPLICATE'],
  ['a hard link to itself', archive(hardlink('a', 'a')), 'TAR_LINK_UNSAFE'],
  ['a hard link to nothing', archive(hardlink('app/h', 'app/none')), 'TAR_LINK_UNSAFE', 'app/none'],
  ['a hard link to a later file', archive(hardlink('app/h', 'app/f'), file('app/f')), 'TAR_LINK_UNSAFE'],
  ['a hard link to a directory', archive(directory('app/d'), hardlink('app/h', 'app/d')), 'TAR_LINK_UNSAFE'],
  [
    'a hard link to an implied directory',
    archive(file('app/d/x'), hardlink('app/h', 'app/d')),
    'TAR_LINK_UNSAFE',
  ],
  ['a hard link to the root', archive(directory('.'), hardlink('app/h', '.')), 'TAR_LINK_UNSAFE'],
  [
    'a hard link to a symlink',
    archive(symlink('app/l', '/etc/shadow'), hardlink('app/h', 'app/l')),
    'TAR_LINK_UNSAFE',
  ],
  [
    'a hard link through a symlink',
    archive(symlink('l', '/etc'), hardlink('h', 'l/shadow')),
    'TAR_LINK_UNSAFE',
  ],
  ['an absolute hard link', archive(file('etc/x'), hardlink('h', '/etc/x')), 'TAR_PATH_UNSAFE'],
  ['a climbing hard link', archive(file('x'), hardlink('app/h', 'app/../x')), 'TAR_PATH_UNSAFE'],
  ['a hard link without a target', archive(hardlink('app/h', '')), 'TAR_PATH_UNSAFE'],
  [
    'a climbing hard link in PAX',
    archive(file('x'), pax({ linkpath: '../x' }), hardlink('h', 'x')),
    'TAR_PATH_UNSAFE',
  ],
  [
    'a climbing GNU long link',
    archive(file('x'), longLink('../x'), hardlink('h', 'x', { magic: GNU })),
    'TAR_PATH_UNSAFE',
  ],
  ['a symlink without a target', archive(symlink('app/l', '')), 'TAR_LINK_UNSAFE'],
  ['a symlink with a NUL in PAX', archive(pax({ linkpath: 'a\0b' }), symlink('l', 'a')), 'TAR_LINK_UNSAFE'],
  ['a symlink target that is no UTF-8', archive(symlink('l', Buffer.from([0xff, 0xfe]))), 'TAR_PATH_UNSAFE'],
  ['a symlink target too long', archive(pax({ linkpath: long(4097) }), symlink('l', 'x')), 'LIMIT_EXCEEDED'],
];

const TYPES: readonly Row[] = [
  ['a character device', archive(header({ name: 'app/null', type: '3' })), 'TAR_DEVICE', 'app/null'],
  ['a block device', archive(header({ name: 'app/sda', type: '4' })), 'TAR_DEVICE'],
  ['a FIFO', archive(header({ name: 'app/pipe', type: '6' })), 'TAR_DEVICE'],
  ['a contiguous file', archive(file('app/c', 'x', { type: '7' })), 'TAR_HEADER_INVALID'],
  ['a GNU sparse file', archive(file('app/s', 'x', { type: 'S', magic: GNU })), 'TAR_SPARSE'],
  [
    'a PAX sparse file 0.0',
    archive(pax({ 'GNU.sparse.size': '9', 'GNU.sparse.numblocks': '1' }), file('s')),
    'TAR_SPARSE',
  ],
  ['a PAX sparse file 0.1', archive(pax({ 'GNU.sparse.map': '0,1' }), file('s')), 'TAR_SPARSE'],
  [
    'a PAX sparse file 1.0',
    archive(pax({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 'app/s' }), file('s')),
    'TAR_SPARSE',
  ],
  ['a star sparse file', archive(pax({ 'SCHILY.realsize': '99' }), file('s')), 'TAR_SPARSE'],
  ['a Solaris sparse file', archive(pax({ 'SUN.holesdata': ' 0 1' }), file('s')), 'TAR_SPARSE'],
  ['a volume label', archive(file('label', '', { type: 'V', magic: GNU })), 'TAR_HEADER_INVALID'],
  ['a continued file', archive(file('part', '', { type: 'M', magic: GNU })), 'TAR_HEADER_INVALID'],
  ['a dumped directory', archive(file('dir', '', { type: 'D', magic: GNU })), 'TAR_HEADER_INVALID'],
  ['an unknown type', archive(file('x', '', { type: 'Z' })), 'TAR_HEADER_INVALID'],
  ['a Solaris extended header', archive(pax({ path: 'y' }, 'X'), file('x')), 'TAR_HEADER_INVALID'],
  [
    'a symlink with a size',
    archive(symlink('l', 'x', { size: 512 }), padded(Buffer.alloc(512, 1))),
    'TAR_HEADER_INVALID',
  ],
  ['a hard link with a size', archive(file('a'), hardlink('h', 'a', { size: 1 })), 'TAR_HEADER_INVALID'],
  [
    'a directory with a size',
    archive(directory('d/', { size: 1024 }), file('hidden', 'x')),
    'TAR_HEADER_INVALID',
  ],
  ['an old directory with a size', archive(file('d/', 'x', { type: '\0' })), 'TAR_HEADER_INVALID'],
  [
    'a directory with a size in PAX',
    archive(pax({ size: '8589934592' }), directory('d/')),
    'TAR_HEADER_INVALID',
  ],
];

const HEADERS: readonly Row[] = [
  ['a wrong checksum', archive(file('app/x', '', { checksumError: 1 })), 'TAR_HEADER_INVALID', 'app/x'],
  ['text', padded(Buffer.from('this is no tar archive')), 'TAR_HEADER_INVALID'],
  ['letters in the size', archive(file('x', '', { size: '0000000000z\0' })), 'TAR_HEADER_INVALID'],
  [
    'digits beyond octal in the size',
    archive(file('x', '', { size: '00000000008\0' })),
    'TAR_HEADER_INVALID',
  ],
  ['a hexadecimal size', archive(file('x', '', { size: '0x1\0' })), 'TAR_HEADER_INVALID'],
  ['a signed size', archive(file('x', '', { size: '-0000000001\0' })), 'TAR_HEADER_INVALID'],
  ['a size with a plus', archive(file('x', '', { size: '+0000000001\0' })), 'TAR_HEADER_INVALID'],
  ['two numbers in the size', archive(file('x', 'y', { size: '1 1\0' })), 'TAR_HEADER_INVALID'],
  ['a number behind a NUL', archive(file('x', '', { size: '1\x002\0' })), 'TAR_HEADER_INVALID'],
  ['a size that begins with a NUL', archive(file('x', 'y', { size: '\0' + '1' })), 'TAR_HEADER_INVALID'],
  ['no size', archive(file('x', '', { size: all(12, 0) })), 'TAR_HEADER_INVALID'],
  ['a blank mode', archive(file('x', '', { mode: all(8, 0x20) })), 'TAR_HEADER_INVALID'],
  ['junk in the uid', archive(file('x', '', { uid: 'root\0' })), 'TAR_HEADER_INVALID'],
  ['a negative size in base-256', archive(file('x', '', { size: all(12, 0xff) })), 'TAR_HEADER_INVALID'],
  ['a negative time in base-256', archive(file('x', '', { mtime: all(12, 0xff) })), 'TAR_HEADER_INVALID'],
  [
    'an enormous size in base-256',
    archive(file('x', '', { size: base256(12, 0x7f, 1, 1, 1, 1, 1, 1, 1, 1) })),
    'TAR_HEADER_INVALID',
  ],
  [
    'a size that overflows 64 bits',
    archive(file('x', '', { size: base256(12, 1, 0, 0, 0, 0, 0, 0, 0, 0) })),
    'TAR_HEADER_INVALID',
  ],
  [
    'a base-256 size with bits in its first byte',
    archive(file('x', '', { size: Buffer.concat([Buffer.from([0x81]), all(11, 0)]) })),
    'TAR_HEADER_INVALID',
  ],
  ['a uid beyond 32 bits', archive(file('x', '', { uid: base256(8, 1, 0, 0, 0, 0) })), 'TAR_HEADER_INVALID'],
  ['a uid beyond 32 bits in PAX', archive(pax({ uid: '4294967296' }), file('x')), 'TAR_HEADER_INVALID'],
  ['an unknown format', archive(file('x', '', { magic: 'ustar\0 1' })), 'TAR_HEADER_INVALID'],
  ['a ustar magic without version', archive(file('x', '', { magic: 'ustar\0\0\0' })), 'TAR_HEADER_INVALID'],
  ['a prefix in a V7 header', archive(file('x', '', { magic: V7, prefix: 'etc' })), 'TAR_HEADER_INVALID'],
  ['a prefix in a GNU header', archive(file('x', '', { magic: GNU, prefix: 'etc' })), 'TAR_HEADER_INVALID'],
  ['device numbers that are none', archive(file('x', '', { major: '_' })), 'TAR_HEADER_INVALID'],
  ['a device number behind a NUL', archive(file('x', '', { major: '0\x001' })), 'TAR_HEADER_INVALID'],
  ['a star header', archive(file('x', '', { tail: '\0\0\0\0\0\0\0\0tar\0' })), 'TAR_HEADER_INVALID'],
];

const PAX: readonly Row[] = [
  [
    'a size that hides content',
    archive(pax({ size: '1024' }), file('app/x'), padded(file('evil'))),
    'TAR_PAX_INVALID',
    'app/x',
  ],
  ['a size that hides members', archive(pax({ size: '0' }), file('app/x', file('evil'))), 'TAR_PAX_INVALID'],
  ['a negative size', archive(pax({ size: '-1' }), file('x')), 'TAR_PAX_INVALID'],
  ['a size with blanks', archive(pax({ size: ' 1' }), file('x', 'y')), 'TAR_PAX_INVALID'],
  ['a hexadecimal size', archive(pax({ size: '0x1' }), file('x', 'y')), 'TAR_PAX_INVALID'],
  ['a size beyond 2^53', archive(pax({ size: '9999999999999999' }), file('x')), 'TAR_PAX_INVALID'],
  ['an empty path', archive(pax({ path: '' }), file('x')), 'TAR_PAX_INVALID'],
  ['an empty link path', archive(pax({ linkpath: '' }), symlink('l', 'x')), 'TAR_PAX_INVALID'],
  [
    'a record twice',
    archive(pax(Buffer.concat([record('path', 'a'), record('path', 'b')])), file('x')),
    'TAR_PAX_INVALID',
    'path',
  ],
  ['a record of no length', archive(pax(Buffer.from(' path=a\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a length with a leading zero', archive(pax(Buffer.from('010 path=ab\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a length of zero', archive(pax(Buffer.from('0 path=a\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a negative length', archive(pax(Buffer.from('-9 path=a\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a length too short', archive(pax(Buffer.from('9 path=ab\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a length beyond the header', archive(pax(Buffer.from('99 path=a\n')), file('x')), 'TAR_PAX_INVALID'],
  [
    'a length of a hundred digits',
    archive(pax(Buffer.from(`${'9'.repeat(100)} path=a\n`)), file('x')),
    'TAR_PAX_INVALID',
  ],
  ['a record without newline', archive(pax(Buffer.from('9 path=ab')), file('x')), 'TAR_PAX_INVALID'],
  ['a record without keyword', archive(pax(Buffer.from('5 =a\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a record without value', archive(pax(Buffer.from('7 path\n')), file('x')), 'TAR_PAX_INVALID'],
  ['a keyword with a NUL', archive(pax(Buffer.from('9 pa\0h=a\n')), file('x')), 'TAR_PAX_INVALID'],
  [
    'zeros behind the records',
    archive(pax(Buffer.concat([record('path', 'a'), Buffer.alloc(3)])), file('x')),
    'TAR_PAX_INVALID',
  ],
  ['no record', archive(pax({}), file('x')), 'TAR_PAX_INVALID'],
  ['an unknown character set', archive(pax({ hdrcharset: 'EBCDIC' }), file('x')), 'TAR_PAX_INVALID'],
  ['a time that is none', archive(pax({ mtime: '1e9' }), file('x')), 'TAR_PAX_INVALID'],
  ['a time before 1970', archive(pax({ mtime: '-1.5' }), file('x')), 'TAR_PAX_INVALID'],
  ['a record of a backup', archive(pax({ 'GNU.dumpdir': 'Y' }), file('x')), 'TAR_PAX_INVALID'],
  ['a global path', archive(pax({ path: 'evil' }, 'g'), file('x')), 'TAR_PAX_INVALID'],
  ['a global size', archive(pax({ comment: 'c', size: '0' }, 'g'), file('x')), 'TAR_PAX_INVALID'],
  ['two PAX headers', archive(pax({ path: 'a' }), pax({ path: 'b' }), file('x')), 'TAR_PAX_INVALID'],
  [
    'PAX before a GNU long name',
    archive(pax({ size: '1536' }), longName('app/x'), file('y', '', { magic: GNU })),
    'TAR_PAX_INVALID',
  ],
  [
    'PAX behind a GNU long name',
    archive(longName('app/x'), pax({ path: 'y' }), file('z')),
    'TAR_PAX_INVALID',
  ],
  [
    'PAX before a global header',
    archive(pax({ path: 'a' }), pax({ comment: 'c' }, 'g'), file('x')),
    'TAR_PAX_INVALID',
  ],
  [
    'two GNU long names',
    archive(longName('a'), longName('b'), file('x', '', { magic: GNU })),
    'TAR_PAX_INVALID',
  ],
  ['an empty GNU long name', archive(longName(''), file('x', '', { magic: GNU })), 'TAR_HEADER_INVALID'],
  [
    'a GNU long name without its NUL',
    archive(file('././@LongLink', 'app/x', { type: 'L', magic: GNU }), file('y', '', { magic: GNU })),
    'TAR_HEADER_INVALID',
  ],
  [
    'data behind a GNU long name',
    archive(dirty(longName('app/x')), file('y', '', { magic: GNU })),
    'TAR_HEADER_INVALID',
  ],
  ['data behind PAX records', archive(dirty(pax({ path: 'a' })), file('x')), 'TAR_HEADER_INVALID'],
  [
    'data behind a global header',
    archive(dirty(pax({ comment: 'a' }, 'g')), file('x')),
    'TAR_HEADER_INVALID',
  ],
  ['PAX before the end', archive(pax({ path: 'a' })), 'TAR_HEADER_INVALID'],
  ['a huge PAX header', archive(header({ type: 'x', size: 2 ** 30 })), 'LIMIT_EXCEEDED'],
  ['a huge GNU long name', archive(header({ type: 'L', magic: GNU, size: 2 ** 30 })), 'LIMIT_EXCEEDED'],
];

const whole = archive(file('app/x', 'content'));
const ENDS: readonly Row[] = [
  ['nothing', Buffer.alloc(0), 'TAR_TRUNCATED'],
  ['no end', file('app/x', 'content'), 'TAR_TRUNCATED'],
  ['a single zero block', Buffer.concat([file('app/x'), Buffer.alloc(512)]), 'TAR_TRUNCATED'],
  ['a cut within a header', whole.subarray(0, 300), 'TAR_TRUNCATED'],
  ['a cut within content', whole.subarray(0, 515), 'TAR_TRUNCATED', 'app/x'],
  ['a cut within padding', whole.subarray(0, 600), 'TAR_TRUNCATED', 'app/x'],
  ['a cut within the last block', whole.subarray(0, -1), 'TAR_TRUNCATED'],
  ['a cut within a PAX header', pax({ path: 'a' }).subarray(0, 520), 'TAR_TRUNCATED'],
  ['a cut behind a PAX header', pax({ path: 'a' }), 'TAR_HEADER_INVALID'],
  ['half a block of zeros at the end', Buffer.concat([whole, Buffer.alloc(100)]), 'TAR_TRUNCATED'],
  ['an archive behind the end', Buffer.concat([whole, whole]), 'TAR_TRAILING_DATA'],
  [
    'a byte behind the end',
    Buffer.concat([whole, Buffer.alloc(9000), Buffer.from([1])]),
    'TAR_TRAILING_DATA',
  ],
  [
    'a member behind a lone zero block',
    Buffer.concat([file('a'), Buffer.alloc(512), file('b'), END]),
    'TAR_TRAILING_DATA',
  ],
];

function refusal(bytes: Buffer, sizes?: readonly number[]): DogwoodError {
  try {
    observe(bytes, {}, sizes);
  } catch (error) {
    if (error instanceof DogwoodError) return error;
    throw error;
  }
  throw new Error('the archive was accepted');
}

const GROUPS: readonly (readonly [what: string, rows: readonly Row[]])[] = [
  ['names', PATHS],
  ['links and replaced members', LINKS],
  ['types', TYPES],
  ['header fields', HEADERS],
  ['extended headers', PAX],
  ['ends', ENDS],
];

for (const [group, rows] of GROUPS) {
  describe(`hostile ${group} are refused`, () => {
    for (const [what, bytes, code, named] of rows) {
      test(what, () => {
        const error = refusal(bytes);
        expect({ code: error.code, message: error.message }).toMatchObject({ code });
        if (named !== undefined) expect(error.message).toContain(named);
        // However the bytes are cut.
        expect(refusal(bytes, [1]).code).toBe(code);
        expect(refusal(bytes, [511, 2, 700]).code).toBe(code);
      });
    }
  });
}

describe('limits', () => {
  const three = archive(file('a', 'x'), file('b'), file('c'));
  test.each([
    ['maxMembers', { maxMembers: 2 }, three],
    ['maxTotalBytes', { maxTotalBytes: 3000 }, three],
    ['maxMemberBytes', { maxMemberBytes: 0 }, three],
    ['maxHeaderBytes', { maxHeaderBytes: 8 }, archive(pax({ path: 'a' }), file('x'))],
    ['maxPathBytes', { maxPathBytes: 4 }, archive(file('aa/bb'))],
    ['maxSegmentBytes', { maxSegmentBytes: 4 }, archive(file('aaaaa'))],
    ['maxNameTableBytes', { maxNameTableBytes: 60 }, three],
  ])('%s is kept, and named', (name, limits, bytes) => {
    expect(() => observe(bytes, { limits })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining(name) }),
    );
    expect(() => observe(bytes)).not.toThrow();
  });

  test('a part of a name is never longer than the table of names can tell apart', () => {
    const long = `app/${'a'.repeat(0x10000 + 10)}`;
    const limits = { maxSegmentBytes: 1_000_000, maxPathBytes: 1_000_000 };
    const twice = archive(pax({ path: long }), file('x'), pax({ path: long }), file('x'));
    expect(() => observe(twice, { limits })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  test('the headers in front of one member count together', () => {
    const names = archive(
      longName('a'.repeat(20)),
      longLink('b'.repeat(20)),
      symlink('l', 'x', { magic: GNU }),
    );
    const limits = { maxHeaderBytes: 30 };
    expect(() => observe(names, { limits })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

test('control characters of names are escaped in messages', () => {
  const error = refusal(archive(file('a\u001b[31m\u202eb'), file('a\u001b[31m\u202eb')));
  expect(error.message).toContain('a\\u001b[31m\\u202eb');
});

test('a reader that refused goes on refusing', async () => {
  const { createTarReader } = await import('../../../src/oci/tar/reader.ts');
  const reader = createTarReader({ entry: () => undefined, data: () => undefined });
  expect(() => reader.write(archive(file('../x')))).toThrow(/climbs/);
  expect(() => reader.write(whole)).toThrow(/climbs/);
  expect(() => reader.end()).toThrow(/climbs/);
});
