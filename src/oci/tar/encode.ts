import { BLOCK_BYTES, MAX_OCTAL_7, MAX_OCTAL_11 } from './header.ts';

/** What a header says, every value already checked. */
export interface EncodedFields {
  readonly typeflag: number;
  /** As it stands in the archive: a directory ends in `/`. */
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
}

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const PAX_TYPEFLAG = 0x78;

/**
 * The header of a member in canonical form: ustar, preceded by a PAX header for exactly those values that ustar
 * cannot hold, its records sorted, its own name and time fixed. No user names, no device numbers.
 */
export function encodeMember(fields: EncodedFields): Buffer {
  const records: [keyword: string, value: string][] = [];
  const split = splitName(fields.name);
  const linkFits = isAscii(fields.linkName) && fields.linkName.length <= NAME_BYTES;
  if (fields.gid > MAX_OCTAL_7) records.push(['gid', String(fields.gid)]);
  if (!linkFits) records.push(['linkpath', fields.linkName]);
  if (fields.mtime > MAX_OCTAL_11) records.push(['mtime', String(fields.mtime)]);
  if (split === undefined) records.push(['path', fields.name]);
  if (fields.size > MAX_OCTAL_11) records.push(['size', String(fields.size)]);
  if (fields.uid > MAX_OCTAL_7) records.push(['uid', String(fields.uid)]);
  const header = encodeBlock(
    {
      ...fields,
      linkName: linkFits ? fields.linkName : placeholder(fields.linkName),
      uid: fields.uid > MAX_OCTAL_7 ? 0 : fields.uid,
      gid: fields.gid > MAX_OCTAL_7 ? 0 : fields.gid,
      size: fields.size > MAX_OCTAL_11 ? 0 : fields.size,
      mtime: fields.mtime > MAX_OCTAL_11 ? 0 : fields.mtime,
    },
    split ?? { prefix: '', name: placeholder(fields.name) },
  );
  return records.length === 0 ? header : Buffer.concat([encodePax(records), header]);
}

/** Zero bytes that fill the last block of `size` bytes. */
export function paddingBytes(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** The name as ustar's two fields hold it, the prefix as long as it can be; undefined when they cannot. */
function splitName(name: string): { prefix: string; name: string } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= NAME_BYTES) return { prefix: '', name };
  // The slash that ends a directory's name is no place to cut.
  const slash = name.lastIndexOf('/', Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** What stands in the header of a name that a PAX record gives: as much as readers without PAX can be shown. */
function placeholder(name: string): string {
  return name
    .replace(/[^ -~]/gu, '_')
    .slice(0, NAME_BYTES)
    .replace(/\/+$/, '');
}

function encodePax(records: readonly (readonly [string, string])[]): Buffer {
  const body = Buffer.from(records.map(([keyword, value]) => paxRecord(keyword, value)).join(''));
  const header = encodeBlock(
    { typeflag: PAX_TYPEFLAG, linkName: '', mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0 },
    { prefix: '', name: 'PaxHeader' },
  );
  return Buffer.concat([header, body, Buffer.alloc(paddingBytes(body.length))]);
}

/** `LENGTH KEYWORD=VALUE\n`; the length counts its own digits. */
function paxRecord(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + String(restBytes).length;
  if (String(length).length > String(restBytes).length) length = restBytes + String(length).length;
  return `${length}${rest}`;
}

function encodeBlock(
  fields: Omit<EncodedFields, 'name'>,
  { prefix, name }: { prefix: string; name: string },
): Buffer {
  // Of the pool: with memory of its own each header would burden the collector like a file.
  const block = Buffer.allocUnsafe(BLOCK_BYTES).fill(0);
  block.write(name, 0, 'latin1');
  octal(block, fields.mode, 100, 8);
  octal(block, fields.uid, 108, 8);
  octal(block, fields.gid, 116, 8);
  octal(block, fields.size, 124, 12);
  octal(block, fields.mtime, 136, 12);
  block.fill(' ', 148, 156);
  block[156] = fields.typeflag;
  block.write(fields.linkName, 157, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  octal(block, 0, 329, 8);
  octal(block, 0, 337, 8);
  block.write(prefix, 345, 'latin1');
  let sum = 0;
  for (let index = 0; index < BLOCK_BYTES; index++) sum += block[index] ?? 0;
  octal(block, sum, 148, 7);
  return block;
}

/** Digits that fill the field but for the NUL at its end. */
function octal(block: Buffer, value: number, start: number, length: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, start, 'latin1');
}
