import { DogwoodError } from '../../errors.ts';
import { encodeMember, paddingBytes } from './encode.ts';
import type { TarEntryType } from './entry.ts';
import { BLOCK_BYTES, TYPEFLAG } from './header.ts';
import { showName } from './names.ts';

/** A member to be written. Order, times and owners are the caller's; the encoding leaves nothing open. */
export interface TarWriterEntry {
  /** Normalised: no leading or trailing `/`, no `.` or `..`; empty for the root. */
  readonly path: string;
  readonly type: TarEntryType;
  /** At most 0o7777. */
  readonly mode: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
  /** Of symlinks (as it stands) and hard links (the normalised path of an earlier file). */
  readonly linkTarget?: string | undefined;
  /** Bytes of content; files only. */
  readonly size?: number | undefined;
  /** Exactly `size` bytes. */
  readonly content?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
}

export interface TarWriter {
  /** The header blocks of a member; `size` bytes of content and `padding(size)` follow. */
  header(entry: TarWriterEntry): Uint8Array;
  /** Zeros up to the next block, possibly none. */
  padding(size: number): Uint8Array;
  /** The two zero blocks at the end of the archive. */
  trailer(): Uint8Array;
}

const ZEROS = new Uint8Array(2 * BLOCK_BYTES);

const WRITTEN_TYPES: Readonly<Record<TarEntryType, number | undefined>> = {
  file: TYPEFLAG.file,
  directory: TYPEFLAG.directory,
  symlink: TYPEFLAG.symlink,
  hardlink: TYPEFLAG.hardlink,
  other: undefined,
};

/**
 * Encodes members in the one canonical form: the same entries always give the same bytes (POSIX pax; ustar, PAX
 * records only for what ustar cannot hold, no user names, no access times).
 *
 * `header` throws INTERNAL for an entry that cannot be written: its values come from our own code.
 */
export function createTarWriter(): TarWriter {
  return {
    header: encodeEntry,
    padding: (size) => ZEROS.subarray(0, paddingBytes(size)),
    trailer: () => ZEROS,
  };
}

/** A whole archive. Throws SIZE_MISMATCH when content is longer or shorter than its entry says. */
export async function* tarStream(
  entries: AsyncIterable<TarWriterEntry> | Iterable<TarWriterEntry>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const writer = createTarWriter();
  for await (const entry of entries) {
    yield writer.header(entry);
    yield* exactContent(entry);
    const padding = writer.padding(entry.size ?? 0);
    if (padding.length > 0) yield padding;
  }
  yield writer.trailer();
}

async function* exactContent(entry: TarWriterEntry): AsyncGenerator<Uint8Array, void, undefined> {
  const size = entry.size ?? 0;
  let written = 0;
  for await (const chunk of entry.content ?? []) {
    written += chunk.length;
    if (written > size) break;
    yield chunk;
  }
  if (written === size) return;
  const found = written > size ? 'more' : `${written}`;
  throw new DogwoodError(
    'SIZE_MISMATCH',
    `${showName(entry.path)} should have ${size} bytes and has ${found}`,
  );
}

function encodeEntry(entry: TarWriterEntry): Uint8Array {
  const typeflag = WRITTEN_TYPES[entry.type];
  const size = entry.size ?? 0;
  const linkName = entry.linkTarget ?? '';
  const isLink = entry.type === 'symlink' || entry.type === 'hardlink';
  const numbers = [entry.mode, entry.uid, entry.gid, entry.mtime, size];
  const problem =
    (typeflag === undefined && `the type ${entry.type}`) ||
    (!isWritablePath(entry) && 'its path') ||
    (isLink !== (linkName !== '') && 'its link target') ||
    (size > 0 && entry.type !== 'file' && 'its size') ||
    (!numbers.every((value) => Number.isSafeInteger(value) && value >= 0) && 'a number that is no count') ||
    (entry.mode > 0o7777 && 'its mode');
  if (problem !== false || typeflag === undefined) {
    throw new DogwoodError('INTERNAL', `cannot write the tar member ${showName(entry.path)}: ${problem}`);
  }
  const { mode, uid, gid, mtime } = entry;
  return encodeMember({ typeflag, name: storedName(entry), linkName, mode, uid, gid, size, mtime });
}

function isWritablePath({ path, type }: TarWriterEntry): boolean {
  if (path === '') return type === 'directory';
  return !path.includes('\0') && !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path);
}

function storedName({ path, type }: TarWriterEntry): string {
  if (path === '') return './';
  return type === 'directory' ? `${path}/` : path;
}
