import { DogwoodError } from '../../errors.ts';
import { looseText, showName } from './names.ts';

export const BLOCK_BYTES = 512;

/** Largest number in an 11-digit octal field: sizes and times beyond it need PAX or base-256. */
export const MAX_OCTAL_11 = 0o77777777777;
/** Largest number in a 7-digit octal field: ids beyond it need PAX or base-256. */
export const MAX_OCTAL_7 = 0o7777777;

/** Offset and length of the fields of a header block (POSIX pax, ustar interchange format). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkName: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  deviceMajor: [329, 8],
  deviceMinor: [337, 8],
  prefix: [345, 155],
  reserved: [500, 12],
} as const;

const TYPEFLAG_OFFSET = 156;
const EMPTY = Buffer.alloc(0);

/** The typeflag bytes that mean something here. */
export const TYPEFLAG = {
  oldFile: 0,
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  characterDevice: 0x33,
  blockDevice: 0x34,
  directory: 0x35,
  fifo: 0x36,
  contiguous: 0x37,
  gnuLongLink: 0x4b,
  gnuLongName: 0x4c,
  gnuSparse: 0x53,
  paxGlobal: 0x67,
  pax: 0x78,
} as const;

/** One header block, decoded but not judged. The names are views into it, valid as long as it is. */
export interface TarHeader {
  readonly typeflag: number;
  readonly name: Buffer;
  readonly linkName: Buffer;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly mtime: number;
}

export function isZeroBlock(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (bytes[index] !== 0) return false;
  return true;
}

interface Place {
  readonly block: Buffer;
  /** Byte offset of the header in the archive, for messages. */
  readonly at: number;
  readonly strict: boolean;
}

/**
 * Decodes a header block that is not all zeros: V7, ustar or old GNU.
 *
 * @param block exactly 512 bytes
 * @param at byte offset of the block in the archive
 * Throws TAR_HEADER_INVALID.
 */
export function decodeHeader(block: Buffer, at: number, strict: boolean): TarHeader {
  const place: Place = { block, at, strict };
  checkChecksum(place);
  if (strict) checkDevice(place);
  const hasPrefix = readFormat(place) === 'ustar';
  const name = text(place, 'name');
  const prefix = hasPrefix ? text(place, 'prefix') : undefined;
  return {
    typeflag: block[TYPEFLAG_OFFSET] ?? 0,
    name:
      prefix === undefined || prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    linkName: text(place, 'linkName'),
    size: number(place, 'size'),
    mode: number(place, 'mode') & 0o7777,
    uid: number(place, 'uid'),
    gid: number(place, 'gid'),
    uname: looseField(place, 'uname'),
    gname: looseField(place, 'gname'),
    mtime: number(place, 'mtime'),
  };
}

function invalid({ block, at }: Place, problem: string): DogwoodError {
  const end = block.indexOf(0);
  const name = looseText(block.subarray(0, end === -1 || end > 100 ? 100 : end));
  return new DogwoodError('TAR_HEADER_INVALID', `tar header at byte ${at} (${showName(name)}): ${problem}`);
}

function checkChecksum(place: Place): void {
  const { block } = place;
  const [start, length] = FIELDS.checksum;
  const expected = number(place, 'checksum');
  let sum = length * 0x20;
  for (let index = 0; index < start; index++) sum += block[index] ?? 0;
  for (let index = start + length; index < BLOCK_BYTES; index++) sum += block[index] ?? 0;
  if (sum === expected) return;
  // Old tars summed signed chars; every reader still takes that.
  let high = 0;
  for (let index = 0; index < BLOCK_BYTES; index++) {
    const inField = index >= start && index < start + length;
    if (!inField && (block[index] ?? 0) > 0x7f) high++;
  }
  if (sum - 256 * high !== expected) throw invalid(place, 'the checksum is wrong');
}

/**
 * Which of the formats a block is in. Readers disagree about the area behind the magic when the format is not
 * exactly one of the three (Python reads a prefix in all of them, Go in `star` a shorter one, GNU tar times), so
 * that area must be empty where its meaning depends on the reader.
 */
function readFormat(place: Place): 'ustar' | 'gnu' | 'v7' {
  const { block, strict } = place;
  const [magicStart, magicLength] = FIELDS.magic;
  const magic = block.toString('latin1', magicStart, magicStart + magicLength);
  const prefixStart = FIELDS.prefix[0];
  if (magic === 'ustar\u000000') {
    if (strict && !isZeroBlock(block, FIELDS.reserved[0], BLOCK_BYTES)) {
      throw invalid(place, 'there is data in its reserved last bytes');
    }
    return 'ustar';
  }
  if (magic === 'ustar  \0') {
    if (strict && !isZeroBlock(block, prefixStart, BLOCK_BYTES)) {
      throw invalid(place, 'a GNU header with fields of an incremental or sparse archive');
    }
    return 'gnu';
  }
  // GNU tar writes zeros in digits as device numbers even here, between the user names and the prefix.
  const deviceStart = FIELDS.gname[0] + FIELDS.gname[1];
  const empty = isZeroBlock(block, magicStart, deviceStart) && isZeroBlock(block, prefixStart, BLOCK_BYTES);
  if (strict && !empty) {
    throw invalid(place, 'neither a ustar, GNU nor V7 header');
  }
  return 'v7';
}

/** Go and Python refuse an archive for device numbers that are none, in whatever member, GNU tar does not look. */
function checkDevice(place: Place): void {
  for (const field of ['deviceMajor', 'deviceMinor'] as const) {
    const [start, length] = FIELDS[field];
    if (!isZeroBlock(place.block, start, start + length)) number(place, field);
  }
}

/** A NUL-padded text field, without its padding. */
function text(place: Place, field: 'name' | 'linkName' | 'prefix'): Buffer {
  const { block, strict } = place;
  const [start, length] = FIELDS[field];
  const end = start + length;
  const found = block.indexOf(0, start);
  const stop = found === -1 || found > end ? end : found;
  // What stands behind the NUL is a name to some readers, and star's times to GNU tar.
  if (strict && !isZeroBlock(block, stop, end))
    throw invalid(place, `data behind the NUL of the ${field} field`);
  return stop === start ? EMPTY : block.subarray(start, stop);
}

function looseField({ block }: Place, field: 'uname' | 'gname'): string {
  const [start, length] = FIELDS[field];
  if (block[start] === 0) return '';
  const found = block.indexOf(0, start);
  return block.toString('utf8', start, found === -1 ? start + length : Math.min(found, start + length));
}

type NumberField = 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'checksum' | 'deviceMajor' | 'deviceMinor';

/**
 * A numeric field: octal digits, spaces allowed in front, spaces and NULs behind; or GNU's base-256 (first byte
 * 0x80). Everything else means something else to every reader.
 */
function number(place: Place, field: NumberField): number {
  const { block } = place;
  const [start, length] = FIELDS[field];
  const end = start + length;
  if ((block[start] ?? 0) & 0x80) return base256(place, field);
  let index = start;
  while (index < end && block[index] === 0x20) index++;
  let value = 0;
  const firstDigit = index;
  for (; index < end; index++) {
    const digit = (block[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  const empty = index === firstDigit;
  for (; index < end; index++) {
    if (block[index] !== 0 && block[index] !== 0x20)
      throw invalid(place, `the ${field} field is no octal number`);
  }
  if (empty && (place.strict || field === 'checksum')) throw invalid(place, `the ${field} field is empty`);
  return value;
}

function base256(place: Place, field: NumberField): number {
  const { block, strict } = place;
  const [start, length] = FIELDS[field];
  const negative = block[start] === 0xff;
  if (negative && (strict || field !== 'mtime')) throw invalid(place, `the ${field} field is negative`);
  if (!negative && block[start] !== 0x80) throw invalid(place, `the ${field} field is too large`);
  let value = negative ? -1 : 0;
  for (let index = start + 1; index < start + length; index++) value = value * 256 + (block[index] ?? 0);
  if (!Number.isSafeInteger(value)) throw invalid(place, `the ${field} field is too large`);
  return value;
}
