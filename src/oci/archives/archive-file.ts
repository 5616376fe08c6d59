import { constants, type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DogwoodError } from '../../errors.ts';
import { decompress } from '../compression/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../compression/sniff.ts';
import { MAX_DOCUMENT_BYTES } from '../documents.ts';
import { withOwnChunks } from '../own-chunks.ts';
import { errnoOf, fileError } from '../stores/file-errors.ts';
import type { TempFiles } from '../stores/temp-files.ts';
import { showName } from '../tar/names.ts';
import { type IndexedMember, indexTar, readAt, type TarIndex } from './tar-index.ts';

const CHUNK = 1024 * 1024;
/** A link in an archive of Docker's is one hop; more than a few are a trap. */
const MAX_HOPS = 4;

export interface OpenArchiveOptions {
  /** Where a compressed archive or a stream is kept uncompressed meanwhile. */
  readonly temp: TempFiles;
  /** Most bytes that a compressed archive may become; 64 GiB unless told. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An uncompressed tar file whose members are read where they lie; nothing is extracted. */
export interface ArchiveFile {
  /** For messages: `docker-archive:app.tar`. */
  readonly name: string;
  /** The file behind a path, links in the archive followed; undefined when there is none. */
  find(path: string): IndexedMember | undefined;
  /** A document, whole. Throws ARCHIVE_INVALID when it is missing, larger than 4 MiB or there twice. */
  read(path: string): Promise<Buffer>;
  /** The content of a member, whose file is open by then: it is read also when `dispose` comes before its end. */
  stream(member: IndexedMember): Promise<Readable>;
  /** The first bytes of a member. */
  head(member: IndexedMember, bytes: number): Promise<Buffer>;
  /** Removes what was kept aside; the archive is not read afterwards. */
  dispose(): Promise<void>;
}

/**
 * Opens an archive from a path or a stream, compressed or not.
 *
 * @throws SOURCE_NOT_FOUND, SOURCE_UNREADABLE, ARCHIVE_INVALID, TAR_*, GZIP_INVALID, ZSTD_INVALID, LIMIT_EXCEEDED, DISK_FULL
 */
export async function openArchiveFile(
  source: string | Readable,
  transport: string,
  options: OpenArchiveOptions,
): Promise<ArchiveFile> {
  const name = `${transport}:${typeof source === 'string' ? source : '-'}`;
  const { path, dispose } = await asPlainFile(source, name, options);
  try {
    const file = await openToRead(path, name);
    try {
      return archiveFile(path, name, await indexTar(file, options.signal), dispose);
    } finally {
      await file.close();
    }
  } catch (error) {
    await dispose();
    throw error;
  }
}

function archiveFile(path: string, name: string, index: TarIndex, dispose: () => Promise<void>): ArchiveFile {
  const stream = async ({ entry, offset }: IndexedMember): Promise<Readable> => {
    if (entry.size === 0) return Readable.from([], { objectMode: false });
    // A stream that opens by itself, called off and its file removed, fails where nobody listens any more.
    const file = await openToRead(path, name);
    const end = offset + entry.size - 1;
    return withOwnChunks(file.createReadStream({ start: offset, end, highWaterMark: CHUNK }));
  };

  const head = async ({ entry, offset }: IndexedMember, bytes: number): Promise<Buffer> => {
    const file = await openToRead(path, name);
    try {
      return await readAt(file, offset, Math.min(bytes, entry.size));
    } finally {
      await file.close();
    }
  };

  const find = (wanted: string): IndexedMember | undefined => follow(index, wanted);

  return {
    name,
    find,
    stream,
    head,
    dispose,
    async read(wanted) {
      const member = find(wanted);
      if (member === undefined)
        throw new DogwoodError('ARCHIVE_INVALID', `${name} has no file ${showName(wanted)}`);
      if (index.repeated.has(member.entry.path)) {
        throw new DogwoodError('ARCHIVE_INVALID', `${name} has several files ${showName(wanted)}`);
      }
      if (member.entry.size > MAX_DOCUMENT_BYTES) {
        throw new DogwoodError(
          'ARCHIVE_INVALID',
          `${showName(wanted)} in ${name} has ${member.entry.size} bytes; at most ${MAX_DOCUMENT_BYTES} are read`,
        );
      }
      return await head(member, member.entry.size);
    },
  };
}

/** Paths are looked up in the archive only, so a link out of it finds nothing. */
function follow(index: TarIndex, wanted: string): IndexedMember | undefined {
  let path = posix.normalize(wanted);
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const member = index.members.get(path);
    if (member === undefined || member.entry.type === 'file') return member;
    const target = member.entry.linkTarget;
    if (target === undefined) return undefined;
    path = member.entry.type === 'symlink' ? posix.join(posix.dirname(path), target) : target;
  }
  return undefined;
}

/** The archive as an uncompressed file: itself, or what was kept aside of it. */
async function asPlainFile(
  source: string | Readable,
  name: string,
  options: OpenArchiveOptions,
): Promise<{ path: string; dispose(): Promise<void> }> {
  if (typeof source !== 'string') return await keepAside(source, name, options);
  const file = await openToRead(source, name);
  let isPlain: boolean;
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw new DogwoodError('ARCHIVE_INVALID', `${source} is a folder, no archive`);
    if (!stats.isFile()) {
      throw new DogwoodError('SOURCE_UNREADABLE', `${source} is neither a file nor a folder`, {
        hint: '`build -` takes an image archive from standard input.',
      });
    }
    isPlain = (await compressionOf(file, stats.size, name)) === 'none';
  } finally {
    await file.close();
  }
  if (isPlain) return { path: source, dispose: async () => {} };
  const stream = (await openToRead(source, name)).createReadStream({ highWaterMark: CHUNK });
  return await keepAside(stream, name, options);
}

async function compressionOf(
  file: FileHandle,
  size: number,
  name: string,
): Promise<'none' | 'gzip' | 'zstd'> {
  return readable(sniffCompression(await readAt(file, 0, Math.min(SNIFF_BYTES, size))), name);
}

function readable(compression: ReturnType<typeof sniffCompression>, name: string): 'none' | 'gzip' | 'zstd' {
  if (compression === 'none' || compression === 'gzip' || compression === 'zstd') return compression;
  throw new DogwoodError('ARCHIVE_INVALID', `${name} is compressed with ${compression}`, {
    hint: 'Unpack it first, or compress it with gzip or zstd.',
  });
}

async function keepAside(
  stream: Readable,
  name: string,
  { temp, signal, maxBytes = 64 * 1024 ** 3 }: OpenArchiveOptions,
): Promise<{ path: string; dispose(): Promise<void> }> {
  const file = await temp.reserve().catch((error: unknown) => {
    stream.destroy();
    throw error;
  });
  try {
    const bytes = limited(uncompressed(stream, name), maxBytes, name);
    const out = (await open(file.path, 'wx')).createWriteStream({ highWaterMark: 4 * CHUNK });
    await pipeline(bytes, out, { signal });
    return file;
  } catch (error) {
    stream.destroy();
    await file.dispose();
    signal?.throwIfAborted();
    throw fileError(error, `cannot keep ${name} aside`);
  }
}

async function* uncompressed(stream: Readable, name: string): AsyncGenerator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let head = Buffer.alloc(0);
  let ended = false;
  while (head.length < SNIFF_BYTES && !ended) {
    const next = await chunks.next();
    if (next.done) ended = true;
    else head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  yield* decompress(whole(), readable(sniffCompression(head), name));
}

async function* limited(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new DogwoodError('LIMIT_EXCEEDED', `${name} becomes more than ${maxBytes} bytes`);
    yield chunk;
  }
}

async function openToRead(path: string, name: string): Promise<FileHandle> {
  try {
    // Non-blocking: a FIFO would wait for a writer for ever, and not even an interrupt would end that.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') {
      throw new DogwoodError('SOURCE_NOT_FOUND', `${name}: there is no such file`, { cause: error });
    }
    throw new DogwoodError('SOURCE_UNREADABLE', `${name}: ${(error as Error).message}`, { cause: error });
  }
}
