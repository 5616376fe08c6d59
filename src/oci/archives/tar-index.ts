import type { FileHandle } from 'node:fs/promises';
import { DogwoodError } from '../../errors.ts';
import { DEFAULT_TAR_LIMITS, type TarEntry, type TarLimits } from '../tar/entry.ts';
import { ExtensionReader } from '../tar/extensions.ts';
import { BLOCK_BYTES, decodeHeader, isZeroBlock } from '../tar/header.ts';
import { resolveMember } from '../tar/member.ts';
import { showName } from '../tar/names.ts';

/** A member of an archive file and where its content begins. */
export interface IndexedMember {
  readonly entry: TarEntry;
  /** Byte offset of the content in the file. */
  readonly offset: number;
}

export interface TarIndex {
  /** By normalised path; the first of several members that are called the same. */
  readonly members: ReadonlyMap<string, IndexedMember>;
  /** Paths that several members have: readers differ in which of them counts. */
  readonly repeated: ReadonlySet<string>;
}

/** Image archives hold few members, and layers of any size. */
export const IMAGE_ARCHIVE_LIMITS: TarLimits = {
  ...DEFAULT_TAR_LIMITS,
  maxTotalBytes: Number.MAX_SAFE_INTEGER,
  maxMemberBytes: Number.MAX_SAFE_INTEGER,
  maxMembers: 100_000,
};

/**
 * Reads the headers of an uncompressed tar file and seeks past the contents: a 5 GB archive costs a few hundred reads
 * of 512 bytes. Same decoding and rules as for image layers, so links stay data and `..` is refused.
 *
 * @throws TAR_* codes, LIMIT_EXCEEDED
 */
export async function indexTar(file: FileHandle, signal?: AbortSignal): Promise<TarIndex> {
  const { size: fileSize } = await file.stat();
  const extensions = new ExtensionReader(IMAGE_ARCHIVE_LIMITS, false);
  const rules = { strict: false, limits: IMAGE_ARCHIVE_LIMITS };
  const members = new Map<string, IndexedMember>();
  const repeated = new Set<string>();
  let count = 0;
  for (let at = 0; at < fileSize; ) {
    signal?.throwIfAborted();
    const block = await readAt(file, at, BLOCK_BYTES);
    if (isZeroBlock(block, 0, BLOCK_BYTES)) break;
    const header = decodeHeader(block, at, false);
    const body = at + BLOCK_BYTES;
    if (++count > IMAGE_ARCHIVE_LIMITS.maxMembers) {
      throw new DogwoodError(
        'LIMIT_EXCEEDED',
        `the archive has more than ${IMAGE_ARCHIVE_LIMITS.maxMembers} headers`,
      );
    }
    if (ExtensionReader.handles(header.typeflag)) {
      extensions.start(header, at);
      extensions.finish(await readAt(file, body, header.size));
      at = body + padded(header.size);
      continue;
    }
    const { entry, bodyBytes } = resolveMember(header, extensions.take(), rules, undefined);
    if (body + bodyBytes > fileSize) {
      throw new DogwoodError(
        'TAR_TRUNCATED',
        `the archive ends within its member ${showName(entry.rawPath)}`,
      );
    }
    if (members.has(entry.path)) repeated.add(entry.path);
    else members.set(entry.path, { entry, offset: body });
    at = body + padded(bodyBytes);
  }
  extensions.checkNothingPending();
  return { members, repeated };
}

/** Exactly that many bytes; throws TAR_TRUNCATED. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) {
      throw new DogwoodError('TAR_TRUNCATED', `the archive ends at byte ${position + done}, within a header`);
    }
    done += bytesRead;
  }
  return bytes;
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}
