/** Tar archives byte by byte, made without the code under test: also those no tool would write. */

const BLOCK = 512;

/** Fields of a header as text or bytes, written as they are. Numbers become the usual octal. */
export interface RawFields {
  readonly name?: string | Buffer;
  readonly mode?: number | string | Buffer;
  readonly uid?: number | string | Buffer;
  readonly gid?: number | string | Buffer;
  readonly size?: number | string | Buffer;
  readonly mtime?: number | string | Buffer;
  readonly type?: string;
  readonly link?: string | Buffer;
  readonly magic?: string;
  readonly uname?: string;
  /** Device number. */
  readonly major?: string;
  readonly prefix?: string | Buffer;
  /** The last twelve bytes of the block. */
  readonly tail?: string;
  /** Added to the right checksum. */
  readonly checksumError?: number;
  readonly signedChecksum?: boolean;
}

export const USTAR = 'ustar\u000000';
export const GNU = 'ustar  \0';
export const V7 = '\0\0\0\0\0\0\0\0';

function put(block: Buffer, start: number, length: number, value: number | string | Buffer): void {
  const text = typeof value === 'number' ? `${value.toString(8).padStart(length - 1, '0')}\0` : value;
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.length > length) throw new Error(`${bytes.length} bytes do not fit into ${length}`);
  block.set(bytes, start);
}

export function header(fields: RawFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  put(block, 0, 100, fields.name ?? 'app/file');
  put(block, 100, 8, fields.mode ?? 0o644);
  put(block, 108, 8, fields.uid ?? 1000);
  put(block, 116, 8, fields.gid ?? 1000);
  put(block, 124, 12, fields.size ?? 0);
  put(block, 136, 12, fields.mtime ?? 1_700_000_000);
  put(block, 156, 1, fields.type ?? '0');
  put(block, 157, 100, fields.link ?? '');
  put(block, 257, 8, fields.magic ?? USTAR);
  put(block, 265, 32, fields.uname ?? '');
  put(block, 329, 8, fields.major ?? '');
  put(block, 345, 155, fields.prefix ?? '');
  put(block, 500, 12, fields.tail ?? '');
  return withChecksum(block, fields);
}

/** Writes the checksum of a header block, right or (by choice) wrong. */
export function withChecksum(block: Buffer, fields: RawFields = {}): Buffer {
  block.fill(' ', 148, 156);
  let sum = fields.checksumError ?? 0;
  for (const byte of block) sum += fields.signedChecksum === true && byte > 127 ? byte - 256 : byte;
  put(block, 148, 8, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

export function file(name: string | Buffer, content: string | Buffer = '', fields: RawFields = {}): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([header({ name, size: bytes.length, ...fields }), padded(bytes)]);
}

export function directory(name: string, fields: RawFields = {}): Buffer {
  return header({ name, type: '5', mode: 0o755, ...fields });
}

export function symlink(name: string, link: string | Buffer, fields: RawFields = {}): Buffer {
  return header({ name, type: '2', link, mode: 0o777, ...fields });
}

export function hardlink(name: string, link: string | Buffer, fields: RawFields = {}): Buffer {
  return header({ name, type: '1', link, ...fields });
}

/** One PAX record with the length it should have. */
export function record(keyword: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** An extended header with these records, or these bytes as they are. */
export function pax(records: Readonly<Record<string, string | Buffer>> | Buffer, type = 'x'): Buffer {
  const body = Buffer.isBuffer(records)
    ? records
    : Buffer.concat(Object.entries(records).map(([keyword, value]) => record(keyword, value)));
  return file('PaxHeader', body, { type });
}

export function longName(name: string | Buffer): Buffer {
  return file('././@LongLink', Buffer.concat([Buffer.from(name), Buffer.alloc(1)]), {
    type: 'L',
    magic: GNU,
  });
}

export function longLink(name: string | Buffer): Buffer {
  return file('././@LongLink', Buffer.concat([Buffer.from(name), Buffer.alloc(1)]), {
    type: 'K',
    magic: GNU,
  });
}

export const END = Buffer.alloc(2 * BLOCK);

/** Members and the end of the archive. */
export function archive(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, END]);
}
