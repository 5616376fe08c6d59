import { crc32 } from 'node:zlib';
import { DogwoodError } from '../../errors.ts';
import type { ByteReader } from './byte-reader.ts';

/** Flags of a gzip member header (RFC 1952, section 2.3.1). */
const FLAG = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10, reserved: 0xe0 } as const;

const FIXED_BYTES = 10;
const DEFLATE = 8;
/** A name or comment of a gzip member; real ones are file names. */
const MAX_TEXT_BYTES = 64 * 1024;

export function isGzipMagic(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

function invalid(problem: string): DogwoodError {
  return new DogwoodError('GZIP_INVALID', `the gzip header ${problem}`);
}

/**
 * Reads the header of a gzip member and leaves `input` at its first deflate byte.
 *
 * Throws GZIP_INVALID: cut short, an unknown method, reserved flags (RFC 1952 has readers refuse them), a wrong
 * header checksum.
 */
export async function readGzipHeader(input: ByteReader): Promise<void> {
  const header: Uint8Array[] = [];
  const take = async (count: number): Promise<Uint8Array> => {
    const bytes = await input.take(count);
    if (bytes.length < count) throw invalid('was cut short');
    header.push(bytes);
    return bytes;
  };
  const fixed = await take(FIXED_BYTES);
  const flags = fixed[3] ?? 0;
  if (!isGzipMagic(fixed)) throw invalid('is missing: this is no gzip file');
  if (fixed[2] !== DEFLATE) throw invalid(`names the unknown method ${fixed[2]}`);
  if (flags & FLAG.reserved) throw invalid('has reserved flags set');
  if (flags & FLAG.extra) {
    const length = await take(2);
    await take((length[0] ?? 0) + (length[1] ?? 0) * 256);
  }
  if (flags & FLAG.name) header.push(await takeText(input));
  if (flags & FLAG.comment) header.push(await takeText(input));
  if (flags & FLAG.headerCrc) await checkHeaderCrc(input, header);
}

/** A text and the NUL that ends it. */
async function takeText(input: ByteReader): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let length = 0; length <= MAX_TEXT_BYTES; ) {
    const chunk = await input.pull();
    if (chunk === undefined) throw invalid('was cut short');
    const end = chunk.indexOf(0);
    if (end !== -1) {
      input.unread(chunk.subarray(end + 1));
      pieces.push(chunk.subarray(0, end + 1));
      return Buffer.concat(pieces);
    }
    length += chunk.length;
    pieces.push(chunk);
  }
  throw invalid(`holds a name or comment of more than ${MAX_TEXT_BYTES} bytes`);
}

async function checkHeaderCrc(input: ByteReader, header: readonly Uint8Array[]): Promise<void> {
  const expected = await input.take(2);
  if (expected.length < 2) throw invalid('was cut short');
  const sum = crc32(Buffer.concat(header)) & 0xffff;
  if (sum !== (expected[0] ?? 0) + (expected[1] ?? 0) * 256) throw invalid('has a wrong checksum');
}
