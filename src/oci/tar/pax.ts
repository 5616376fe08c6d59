import { isUtf8 } from 'node:buffer';
import { DogwoodError } from '../../errors.ts';
import { looseText, showName } from './names.ts';

/** What the extended header in front of a member says about it (POSIX pax, "pax Extended Header"). */
export interface PaxRecords {
  path?: Buffer;
  linkPath?: Buffer;
  size?: number;
  uid?: number;
  gid?: number;
  uname?: string;
  gname?: string;
  /** Whole seconds, rounded down. */
  mtime?: number;
  xattrs?: Map<string, Uint8Array>;
  vendorKeywords?: string[];
}

interface Place {
  /** Byte offset of the extended header in the archive, for messages. */
  readonly at: number;
  readonly strict: boolean;
}

function invalid(place: Place, problem: string): DogwoodError {
  return new DogwoodError('TAR_PAX_INVALID', `PAX header at byte ${place.at}: ${problem}`);
}

const SPACE = 0x20;
const NEWLINE = 0x0a;

/** The records one by one: `LENGTH KEYWORD=VALUE\n`, the length counting the whole record. */
function* splitRecords(bytes: Buffer, place: Place): Generator<{ keyword: string; value: Buffer }> {
  for (let start = 0; start < bytes.length; ) {
    const space = bytes.indexOf(SPACE, start);
    const digits = space === -1 ? '' : bytes.toString('latin1', start, Math.min(space, start + 12));
    // Readers differ on leading zeros, signs and blanks here, so none is taken.
    if (!/^[1-9][0-9]*$/.test(digits)) throw invalid(place, 'a record without a proper length');
    const end = start + Number(digits);
    if (end > bytes.length) throw invalid(place, 'a record runs over the end of the header');
    if (end <= space + 2 || bytes[end - 1] !== NEWLINE)
      throw invalid(place, 'a record does not end in a newline');
    const equals = bytes.indexOf(0x3d, space + 1);
    if (equals === -1 || equals >= end || equals === space + 1)
      throw invalid(place, 'a record without a keyword');
    const keyword = bytes.subarray(space + 1, equals);
    if (!isUtf8(keyword) || keyword.includes(0)) throw invalid(place, 'a keyword that is no text');
    yield { keyword: keyword.toString('utf8'), value: Buffer.from(bytes.subarray(equals + 1, end - 1)) };
    start = end;
  }
}

/**
 * Reads an extended header (`x`). Unknown vendor keywords are listed, not refused: POSIX has every reader ignore
 * them. Sparse files and other records that change what the content is are refused.
 *
 * Throws TAR_PAX_INVALID, TAR_SPARSE.
 */
export function parsePax(bytes: Buffer, at: number, strict: boolean): PaxRecords {
  const place: Place = { at, strict };
  const records: PaxRecords = {};
  const seen = new Set<string>();
  if (strict && bytes.length === 0) throw invalid(place, 'it holds no record');
  for (const { keyword, value } of splitRecords(bytes, place)) {
    // Some readers take the first, some the last.
    if (strict && seen.has(keyword)) throw invalid(place, `${showName(keyword)} appears twice`);
    seen.add(keyword);
    applyRecord(records, keyword, value, place);
  }
  return records;
}

/** Reads a global header (`g`): only the comment that `git archive` writes is taken, the rest would change members unseen. */
export function checkGlobalPax(bytes: Buffer, at: number): void {
  const place: Place = { at, strict: true };
  for (const { keyword } of splitRecords(bytes, place)) {
    if (keyword !== 'comment') throw invalid(place, `a global record ${showName(keyword)}`);
  }
}

const XATTR = 'SCHILY.xattr.';

function applyRecord(records: PaxRecords, keyword: string, value: Buffer, place: Place): void {
  switch (keyword) {
    case 'path':
      records.path = name(keyword, value, place);
      return;
    case 'linkpath':
      records.linkPath = name(keyword, value, place);
      return;
    case 'size':
    case 'uid':
    case 'gid':
      records[keyword] = integer(keyword, value, place);
      return;
    case 'uname':
    case 'gname':
      records[keyword] = looseText(value);
      return;
    case 'mtime':
      records.mtime = seconds(value, place);
      return;
    case 'hdrcharset':
      checkCharset(value, place);
      return;
    case 'atime':
    case 'ctime':
    case 'charset':
    case 'comment':
      return;
    default:
      applyVendorRecord(records, keyword, value, place);
  }
}

function applyVendorRecord(records: PaxRecords, keyword: string, value: Buffer, place: Place): void {
  // GNU.sparse.* and its likes let the content differ from the bytes in the archive (Go CVE-2025-58183).
  const sparse = /^(?:GNU\.sparse\.|SCHILY\.(?:realsize|filetype|offset)$|SUN\.holesdata$)/.test(keyword);
  if (sparse) {
    throw new DogwoodError(
      'TAR_SPARSE',
      `PAX header at byte ${place.at}: ${showName(keyword)} makes a sparse file`,
    );
  }
  if (/^GNU\.(?:dumpdir|volume\.)/.test(keyword))
    throw invalid(place, `${showName(keyword)} belongs to a backup`);
  if (keyword.startsWith(XATTR)) {
    records.xattrs ??= new Map();
    records.xattrs.set(keyword.slice(XATTR.length), value);
    return;
  }
  records.vendorKeywords ??= [];
  records.vendorKeywords.push(keyword);
}

function name(keyword: string, value: Buffer, place: Place): Buffer {
  // An empty value means "as if the record were not there" to some readers, and an empty name to others.
  if (value.length === 0) throw invalid(place, `${keyword} is empty`);
  return value;
}

function integer(keyword: string, value: Buffer, place: Place): number {
  const digits = value.toString('latin1');
  const parsed = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(parsed)) throw invalid(place, `${keyword} is ${showName(digits)}`);
  return parsed;
}

function seconds(value: Buffer, place: Place): number {
  const digits = value.toString('latin1');
  const match = /^(-?)([0-9]{1,15})(?:\.[0-9]*)?$/.exec(digits);
  if (match === null || (place.strict && match[1] === '-'))
    throw invalid(place, `mtime is ${showName(digits)}`);
  return Math.floor(Number(digits));
}

function checkCharset(value: Buffer, place: Place): void {
  const charset = value.toString('latin1');
  // BINARY is what bsdtar writes for names it could not convert; that they are UTF-8 is checked elsewhere.
  if (charset === 'ISO-IR 10646 2000 UTF-8' || charset === 'BINARY') return;
  throw invalid(place, `names in the character set ${showName(charset)}`);
}
