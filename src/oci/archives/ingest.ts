import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { ByteReader } from '../compression/byte-reader.ts';
import { decompress } from '../compression/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../compression/sniff.ts';
import { MAX_DOCUMENT_BYTES } from '../documents.ts';
import type { TarEntry } from '../tar/entry.ts';
import { readTar } from '../tar/members.ts';
import type { Target } from '../target.ts';
import { type IngestOptions, remaining, type TakenLayer, takeLayer } from './ingest-layer.ts';
import { finishDockerArchive, finishOciArchive, type IngestedImage, type Passed } from './ingest-manifest.ts';
import { IMAGE_ARCHIVE_LIMITS } from './tar-index.ts';

export type { IngestOptions, RememberedLayers } from './ingest-layer.ts';

/** Of all documents together, in bytes: a hundred of the largest that are read is more than any image has. */
const MAX_DOCUMENTS_BYTES = 64 * 1024 * 1024;

/**
 * Takes in what an engine writes, a docker-archive or an oci-archive (also in gzip or zstd), as it streams by: each
 * layer goes straight into the sink, and nothing lies on the disk a second time. Unlike `openDockerArchive` and
 * `openOciArchive` it needs no file to seek in, and takes archives of one image only.
 *
 * The config stays byte for byte, so the image's id does. What a docker-archive's layers hold is checked against the
 * diffIDs of the config, blobs of an oci-archive against the digests they are named by.
 *
 * @throws ARCHIVE_INVALID, IMAGE_AMBIGUOUS, DIGEST_MISMATCH, MANIFEST_INVALID, TAR_*, and what source and sink throw
 */
export async function ingestArchive(
  source: Readable,
  sink: Target,
  options: IngestOptions,
): Promise<IngestedImage> {
  try {
    const passed = await takeMembers(source, sink, options);
    if (passed.documents.has('manifest.json')) return await finishDockerArchive(passed, sink);
    if (passed.documents.has('index.json')) return await finishOciArchive(passed, sink, options);
  } finally {
    // Whoever writes it need not wait for a reader that has gone.
    source.destroy();
  }
  throw new DogwoodError('ARCHIVE_INVALID', 'the archive has neither a manifest.json nor an index.json');
}

async function takeMembers(source: Readable, sink: Target, options: IngestOptions): Promise<Passed> {
  const layers = new Map<string, TakenLayer>();
  const documents = new Map<string, Buffer>();
  const links = new Map<string, string>();
  let bytes = 0;
  for await (const { entry, content } of readTar(plain(source), {
    rules: 'image-layer',
    limits: IMAGE_ARCHIVE_LIMITS,
  })) {
    options.signal?.throwIfAborted();
    if (entry.type === 'symlink' || entry.type === 'hardlink') links.set(entry.path, linkTo(entry));
    // Of several members that are called the same the first counts, as in `openDockerArchive`.
    if (entry.type !== 'file' || layers.has(entry.path) || documents.has(entry.path)) continue;
    const reader = new ByteReader(content);
    const document = await takeDocument(reader, entry);
    if (document === undefined) {
      layers.set(entry.path, await takeLayer(reader, entry, sink, options));
      continue;
    }
    bytes += document.length;
    if (bytes > MAX_DOCUMENTS_BYTES) {
      throw new DogwoodError(
        'ARCHIVE_INVALID',
        `the archive has more than ${MAX_DOCUMENTS_BYTES} bytes of documents`,
      );
    }
    documents.set(entry.path, document);
  }
  return { layers, documents, links };
}

async function* plain(source: Readable): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source as AsyncIterable<Uint8Array>);
  const head = await reader.take(SNIFF_BYTES);
  reader.unread(head);
  const compression = sniffCompression(head);
  if (compression !== 'none' && compression !== 'gzip' && compression !== 'zstd') {
    throw new DogwoodError('ARCHIVE_INVALID', `the archive is compressed with ${compression}`);
  }
  yield* decompress(remaining(reader), compression);
}

/** A member that is JSON (manifests, configs, attestations); undefined, and nothing taken, for all others. */
async function takeDocument(reader: ByteReader, entry: TarEntry): Promise<Buffer | undefined> {
  // Of the members of an archive only its layers are larger; a `VERSION` or an empty member is of use to nobody.
  if (entry.size > MAX_DOCUMENT_BYTES) return undefined;
  if (/(?:^|\/)(?:VERSION|oci-layout)$/.test(entry.path)) return Buffer.from(await reader.take(entry.size));
  const head = await reader.take(1);
  reader.unread(head);
  if (head[0] !== 0x7b && head[0] !== 0x5b) return undefined;
  const bytes = Buffer.from(await reader.take(entry.size));
  if (isJson(bytes)) return bytes;
  // A tar whose first member is called {something.
  reader.unread(bytes);
  return undefined;
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

/** Where a link leads, below the archive's root; hard links name a path from there, symbolic ones from beside them. */
function linkTo({ path, type, linkTarget = '' }: TarEntry): string {
  return type === 'hardlink' ? linkTarget : posix.join(posix.dirname(path), linkTarget);
}
