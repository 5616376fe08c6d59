import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { blobPath } from '../blob-path.ts';
import { SNIFF_BYTES, sniffCompression } from '../compression/sniff.ts';
import type { Descriptor } from '../descriptor.ts';
import { tarOfLayer } from '../diff-id.ts';
import { createDigester, type Digest, digestOf } from '../digest.ts';
import { type ImageConfig, parseImageConfig, parseIndex, parseManifest } from '../documents.ts';
import { isIndexType, isManifestType, MEDIA_TYPES, ociLayerType } from '../media-types.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { DockerArchiveEntry } from './docker-manifest.ts';
import { blobInArchive } from './oci-archive.ts';
import { type BlobSource, bytesSource } from './read-only.ts';

/** One image of a docker-archive under an OCI manifest. */
export interface ArchivedImage {
  readonly descriptor: Descriptor;
  readonly repoTags: readonly string[];
  readonly blobs: ReadonlyMap<Digest, BlobSource>;
}

/**
 * The image that an entry of manifest.json is about, under the manifest that Docker saved or one that is made.
 *
 * @throws ARCHIVE_INVALID, MANIFEST_INVALID, DIGEST_MISMATCH
 */
export async function readImage(
  archive: ArchiveFile,
  entry: DockerArchiveEntry,
  signal: AbortSignal | undefined,
): Promise<ArchivedImage> {
  const configBytes = await archive.read(entry.config);
  const config = parseImageConfig(configBytes, `config ${entry.config} in ${archive.name}`);
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== entry.layers.length) {
    throw new DogwoodError(
      'ARCHIVE_INVALID',
      `${archive.name}: manifest.json names ${entry.layers.length} layers, the config ${diffIds.length}`,
    );
  }
  return (
    (await savedImage(archive, entry, configBytes)) ??
    (await synthesisedImage(archive, entry, configBytes, config, signal))
  );
}

async function synthesisedImage(
  archive: ArchiveFile,
  entry: DockerArchiveEntry,
  configBytes: Buffer,
  config: ImageConfig,
  signal: AbortSignal | undefined,
): Promise<ArchivedImage> {
  const blobs = new Map<Digest, BlobSource>();
  const byDiffId = new Map<Digest, Descriptor>();
  const layers: Descriptor[] = [];
  for (const [i, diffId] of config.rootfs.diff_ids.entries()) {
    const path = entry.layers[i] ?? '';
    // The same layer may be named again, by the same or another path; the first is used.
    const known = byDiffId.get(diffId);
    const layer = known ?? (await readLayer(archive, path, diffId, blobs, signal));
    byDiffId.set(diffId, layer);
    layers.push(layer);
  }
  const configDescriptor = {
    mediaType: MEDIA_TYPES.ociConfig,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const manifest = manifestBytes(configDescriptor, layers);
  const descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
  };
  blobs.set(configDescriptor.digest, bytesSource(configBytes));
  blobs.set(descriptor.digest, bytesSource(manifest));
  return { descriptor, repoTags: entry.repoTags, blobs };
}

/** An OCI manifest over these; the one spelling that is used wherever a manifest has to be made. */
export function manifestBytes(config: Descriptor, layers: readonly Descriptor[]): Buffer {
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers }),
  );
}

/** An uncompressed layer is named by its diffID and checked while it streams; a compressed one is looked at whole. */
async function readLayer(
  archive: ArchiveFile,
  path: string,
  diffId: Digest,
  blobs: Map<Digest, BlobSource>,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const member = archive.find(path);
  if (member === undefined) throw new DogwoodError('ARCHIVE_INVALID', `${archive.name} has no layer ${path}`);
  const { size } = member.entry;
  const compression = sniffCompression(await archive.head(member, SNIFF_BYTES));
  const source = { size, open: () => archive.stream(member) };
  if (compression === 'none') {
    blobs.set(diffId, source);
    return { mediaType: MEDIA_TYPES.ociLayer, digest: diffId, size };
  }
  if (compression !== 'gzip' && compression !== 'zstd') {
    throw new DogwoodError(
      'ARCHIVE_INVALID',
      `layer ${path} in ${archive.name} is compressed with ${compression}`,
    );
  }
  const digest = await digestCompressed(
    await source.open(),
    compression,
    diffId,
    `${path} in ${archive.name}`,
    signal,
  );
  blobs.set(digest, source);
  return { mediaType: ociLayerType(compression), digest, size };
}

/** The digest of a compressed layer, whose diffID is checked in the same pass. */
async function digestCompressed(
  stream: Readable,
  compression: 'gzip' | 'zstd',
  diffId: Digest,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const outer = createDigester();
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      outer.update(chunk);
      yield chunk;
    }
  }
  for await (const _ of tarOfLayer(counted(), compression, diffId, what)) signal?.throwIfAborted();
  return outer.digest();
}

/**
 * The manifest that Docker 25 and later saved, if it is really about this image: some versions wrote it without
 * layers (moby#47065) or an index without manifests (moby#47210), and others' blobs may be missing.
 */
async function savedImage(
  archive: ArchiveFile,
  entry: DockerArchiveEntry,
  configBytes: Buffer,
): Promise<ArchivedImage | undefined> {
  if (archive.find('index.json') === undefined) return undefined;
  const wanted = digestOf(configBytes);
  for (const descriptor of await savedManifests(archive, 'index.json', 0)) {
    const bytes = await readBlob(archive, descriptor);
    if (bytes === undefined) continue;
    const manifest = attempt(() => parseManifest(bytes));
    if (manifest?.config.digest !== wanted || manifest.layers.length !== entry.layers.length) continue;
    const blobs = new Map<Digest, BlobSource>([
      [wanted, bytesSource(configBytes)],
      [descriptor.digest, bytesSource(bytes)],
    ]);
    for (const layer of manifest.layers) {
      const source = blobInArchive(archive, layer.digest);
      if (source?.size === layer.size) blobs.set(layer.digest, source);
    }
    if (!manifest.layers.every((layer) => blobs.has(layer.digest))) continue;
    const { mediaType, digest, size } = descriptor;
    return { descriptor: { mediaType, digest, size }, repoTags: entry.repoTags, blobs };
  }
  return undefined;
}

async function savedManifests(archive: ArchiveFile, path: string, depth: number): Promise<Descriptor[]> {
  const bytes = await archive.read(path);
  const index = attempt(() => parseIndex(bytes));
  const found: Descriptor[] = [];
  for (const descriptor of index?.manifests ?? []) {
    if (isManifestType(descriptor.mediaType)) found.push(descriptor);
    const inner =
      isIndexType(descriptor.mediaType) && depth < 4 ? blobMember(archive, descriptor) : undefined;
    if (inner !== undefined) found.push(...(await savedManifests(archive, inner, depth + 1)));
  }
  return found;
}

function blobMember(archive: ArchiveFile, descriptor: Descriptor): string | undefined {
  const path = blobPath(descriptor.digest);
  return archive.find(path) === undefined ? undefined : path;
}

async function readBlob(archive: ArchiveFile, descriptor: Descriptor): Promise<Buffer | undefined> {
  const path = blobMember(archive, descriptor);
  const bytes = path === undefined ? undefined : await archive.read(path);
  return bytes !== undefined && digestOf(bytes) === descriptor.digest ? bytes : undefined;
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    // Docker's own half of the archive is only a convenience; manifest.json is what counts.
    return undefined;
  }
}
