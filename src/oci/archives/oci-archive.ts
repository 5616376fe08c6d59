import type { Readable, Writable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { blobPath } from '../blob-path.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, isDigest } from '../digest.ts';
import { type ImageIndexDocument, MAX_DOCUMENT_BYTES, parseIndex } from '../documents.ts';
import { childrenOf, isForeignLayer } from '../graph.ts';
import { listIndex, resolveInIndex } from '../listing.ts';
import { isManifestOrIndexType } from '../media-types.ts';
import { checkLayoutVersion, LAYOUT_MARKER, resolveBlob } from '../stores/layout.ts';
import { EMPTY_INDEX, withEntry, withTag } from '../stores/layout-index.ts';
import type { Target } from '../target.ts';
import { readDocument } from '../verify.ts';
import { type ArchiveFile, type OpenArchiveOptions, openArchiveFile } from './archive-file.ts';
import { type ArchiveTarget, type BlobSource, readOnlyTarget } from './read-only.ts';
import { writeTar } from './write-tar.ts';

/**
 * A tar of an OCI layout as a target, read where its members lie.
 *
 * @param source a path, or a stream that is kept aside
 * @throws ARCHIVE_INVALID, LAYOUT_INVALID, and what `openArchiveFile` throws
 */
export async function openOciArchive(
  source: string | Readable,
  options: OpenArchiveOptions,
): Promise<ArchiveTarget> {
  const archive = await openArchiveFile(source, 'oci-archive', options);
  try {
    checkLayoutVersion((await archive.read(LAYOUT_MARKER)).toString(), archive.name);
    const index = parseIndex(await archive.read('index.json'), `index.json in ${archive.name}`);
    return ociView(archive, index);
  } catch (error) {
    await archive.dispose();
    throw error;
  }
}

function ociView(archive: ArchiveFile, index: ImageIndexDocument): ArchiveTarget {
  const locate = async (descriptor: Descriptor): Promise<BlobSource | undefined> =>
    blobInArchive(archive, descriptor.digest);
  const target = readOnlyTarget({
    name: archive.name,
    locate,
    list: async () => listIndex(index),
    async resolve(reference, signal) {
      const listed = resolveInIndex(index, reference, archive.name);
      if (listed !== undefined || !isDigest(reference)) return listed;
      const size = async (digest: Digest) => blobInArchive(archive, digest)?.size;
      return await resolveBlob(target, { size }, reference, signal);
    },
    dispose: archive.dispose,
  });
  return target;
}

export function blobInArchive(archive: ArchiveFile, digest: Digest): BlobSource | undefined {
  const member = archive.find(blobPath(digest));
  return member && { size: member.entry.size, open: () => archive.stream(member) };
}

export interface WriteOciArchiveOptions {
  /** The tag in its index.json. */
  readonly tag?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes of blobs pass. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/**
 * Writes an image or index as a tar of an OCI layout, streaming; the same input gives the same bytes. A file appears
 * under its name only when it is whole.
 *
 * @throws what the target throws; MANIFEST_INVALID, DISK_FULL, STORE_UNWRITABLE
 */
export async function writeOciArchive(
  target: Target,
  descriptor: Descriptor,
  out: string | Writable,
  options: WriteOciArchiveOptions = {},
): Promise<void> {
  const blobs = await collectBlobs(target, descriptor, options.signal);
  const empty: ImageIndexDocument = EMPTY_INDEX;
  const index =
    options.tag === undefined ? withEntry(empty, descriptor) : withTag(empty, descriptor, options.tag);
  await writeTar(out, options.signal, async (tar) => {
    await tar.bytes(LAYOUT_MARKER, Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    await tar.bytes('index.json', Buffer.from(JSON.stringify(index)));
    for (const blob of blobs) {
      const stream = await target.open(blob, { verify: true, signal: options.signal });
      await tar.stream(blobPath(blob.digest), stream, blob.size, options.onBytes);
    }
  });
}

/** Every blob of an image or index once: a document, then what it names. */
async function collectBlobs(target: Target, root: Descriptor, signal?: AbortSignal): Promise<Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (found.has(descriptor.digest) || isForeignLayer(descriptor)) return;
    if (depth > 8) throw new DogwoodError('MANIFEST_INVALID', `${target.name}: indexes nested too deeply`);
    found.set(descriptor.digest, descriptor);
    if (!isManifestOrIndexType(descriptor.mediaType) || descriptor.size > MAX_DOCUMENT_BYTES) return;
    const bytes = await readDocument(target, descriptor, signal);
    for (const child of childrenOf(descriptor, bytes)) await visit(child, depth + 1);
  };
  await visit(root, 0);
  return [...found.values()];
}
