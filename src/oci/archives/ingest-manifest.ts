import { DogwoodError } from '../../errors.ts';
import { blobPath } from '../blob-path.ts';
import { bytesContent } from '../content.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, digestOf } from '../digest.ts';
import { type Manifest, parseImageConfig, parseIndex, parseManifest } from '../documents.ts';
import { childrenOf } from '../graph.ts';
import { listIndex } from '../listing.ts';
import { isIndexType, isManifestOrIndexType, isManifestType, MEDIA_TYPES } from '../media-types.ts';
import { createMemoryTarget } from '../stores/memory.ts';
import { viewTarget } from '../stores/view.ts';
import type { Target } from '../target.ts';
import { manifestBytes } from './archived-image.ts';
import { parseDockerManifest } from './docker-manifest.ts';
import type { IngestOptions, TakenLayer } from './ingest-layer.ts';

const WHAT = 'the archive';

/** An image that was taken in: its layers lie in the sink, its documents can be read from `from` with them. */
export interface IngestedImage {
  readonly descriptor: Descriptor;
  readonly from: Target;
}

/** What of an archive went by: layers are in the sink by now, documents are kept until the end says what they are. */
export interface Passed {
  readonly layers: ReadonlyMap<string, TakenLayer>;
  readonly documents: ReadonlyMap<string, Buffer>;
  /** Path of a link to what it leads to, both below the archive's root. */
  readonly links: ReadonlyMap<string, string>;
}

/** The image of a docker-archive: the manifest that Docker saved where it holds for what was taken, else a new one. */
export async function finishDockerArchive(passed: Passed, sink: Target): Promise<IngestedImage> {
  const entries = parseDockerManifest(document(passed, 'manifest.json'), WHAT);
  const [entry] = entries;
  if (entry === undefined || entries.some(({ config }) => config !== entry.config)) {
    throw new DogwoodError('IMAGE_AMBIGUOUS', `${WHAT} holds ${entries.length} images`);
  }
  const configBytes = document(passed, entry.config);
  const { diff_ids: diffIds } = parseImageConfig(configBytes, `config ${entry.config}`).rootfs;
  if (diffIds.length !== entry.layers.length) {
    throw new DogwoodError(
      'ARCHIVE_INVALID',
      `${WHAT}: manifest.json names ${entry.layers.length} layers, the config ${diffIds.length}`,
    );
  }
  const layers = entry.layers.map((path, i) => layerOf(passed, path, diffIds[i]));
  const config = {
    mediaType: MEDIA_TYPES.ociConfig,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const saved = savedManifest(passed, config.digest, layers);
  const manifest = saved?.bytes ?? manifestBytes(config, layers);
  const mediaType = saved?.mediaType ?? MEDIA_TYPES.ociManifest;
  const descriptor = { mediaType, digest: digestOf(manifest), size: manifest.length };
  return await image(
    descriptor,
    [
      [config, configBytes],
      [descriptor, manifest],
    ],
    sink,
  );
}

function layerOf(passed: Passed, path: string, diffId: Digest | undefined): Descriptor {
  const layer = passed.layers.get(follow(passed, path));
  if (layer === undefined) throw new DogwoodError('ARCHIVE_INVALID', `${WHAT} has no layer ${path}`);
  // A compressed blob that was taken unopened is what the saved manifest says of it; there is no other archive of such.
  if (layer.diffId !== undefined && layer.diffId !== diffId) {
    throw new DogwoodError(
      'DIGEST_MISMATCH',
      `layer ${path} holds ${layer.diffId}, the config says ${diffId}`,
    );
  }
  return layer.descriptor;
}

/** Docker writes `<id>/layer.tar -> ../<digest>.tar`, and has written links to links. */
function follow({ links }: Passed, path: string): string {
  let current = path;
  for (let hops = 0; hops < 8; hops++) current = links.get(current) ?? current;
  return current;
}

/** Docker 25 and later save the manifest as well; some versions wrote it without layers (moby#47065). */
function savedManifest(passed: Passed, config: Digest, layers: readonly Descriptor[]) {
  const index = passed.documents.get('index.json');
  for (const { descriptor } of index === undefined ? [] : listIndex(parseIndex(index, 'index.json'))) {
    const bytes = passed.documents.get(blobPath(descriptor.digest));
    if (bytes === undefined || !isManifestType(descriptor.mediaType)) continue;
    const manifest = parseManifest(bytes, descriptor.digest);
    const same = manifest.layers.every(({ digest }, i) => digest === layers[i]?.digest);
    if (manifest.config.digest === config && manifest.layers.length === layers.length && same) {
      return { bytes, mediaType: descriptor.mediaType };
    }
  }
  return undefined;
}

/** The image or index of an oci-archive; layers that were compressed anew get a manifest that says so. */
export async function finishOciArchive(
  passed: Passed,
  sink: Target,
  options: IngestOptions,
): Promise<IngestedImage> {
  const listed = listIndex(parseIndex(document(passed, 'index.json'), 'index.json'));
  const roots = new Map(listed.map(({ descriptor }) => [descriptor.digest, descriptor]));
  const [root] = roots.values();
  if (root === undefined) throw new DogwoodError('IMAGE_NOT_FOUND', `${WHAT} holds no image`);
  if (roots.size > 1) throw new DogwoodError('IMAGE_AMBIGUOUS', `${WHAT} holds ${roots.size} images`);
  const documents: (readonly [Descriptor, Buffer])[] = [];
  const visit = (descriptor: Descriptor, depth: number): void => {
    const bytes = passed.documents.get(blobPath(descriptor.digest));
    if (bytes === undefined || depth > 4) return;
    documents.push([descriptor, bytes]);
    if (!isManifestOrIndexType(descriptor.mediaType)) return;
    for (const child of childrenOf(descriptor, bytes)) visit(child, depth + 1);
  };
  visit(root, 0);
  if (options.compression === 'keep') return await image(root, documents, sink);
  if (isIndexType(root.mediaType)) {
    throw new DogwoodError(
      'ARCHIVE_INVALID',
      `${WHAT} holds an index, whose layers cannot be compressed anew`,
    );
  }
  const manifest = parseManifest(document(passed, blobPath(root.digest)), root.digest);
  const { diff_ids: diffIds } = parseImageConfig(document(passed, blobPath(manifest.config.digest))).rootfs;
  const layers = manifest.layers.map(({ digest }, i) => layerOf(passed, blobPath(digest), diffIds[i]));
  const bytes = withLayers(manifest, layers);
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.length };
  return await image(descriptor, [...documents, [descriptor, bytes]], sink);
}

function withLayers(manifest: Manifest, layers: readonly Descriptor[]): Buffer {
  const { annotations } = manifest;
  const config = { ...manifest.config, mediaType: MEDIA_TYPES.ociConfig };
  const whole = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers };
  return Buffer.from(JSON.stringify(annotations === undefined ? whole : { ...whole, annotations }));
}

/** Documents in memory, and checked against their digests on the way there; layers in the sink. */
async function image(
  descriptor: Descriptor,
  documents: readonly (readonly [Descriptor, Buffer])[],
  sink: Target,
): Promise<IngestedImage> {
  const memory = createMemoryTarget(WHAT);
  for (const [known, bytes] of documents) await memory.put(bytesContent(bytes), known);
  const there = new Set(documents.map(([known]) => known.digest));
  return { descriptor, from: viewTarget(WHAT, ({ digest }) => (there.has(digest) ? memory : sink)) };
}

function document(passed: Passed, path: string): Buffer {
  const bytes = passed.documents.get(follow(passed, path));
  if (bytes === undefined) throw new DogwoodError('ARCHIVE_INVALID', `${WHAT} has no ${path}`);
  return bytes;
}
