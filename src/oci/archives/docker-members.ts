import { DogwoodError } from '../../errors.ts';
import { blobPath } from '../blob-path.ts';
import type { Descriptor } from '../descriptor.ts';
import { tarOfLayer } from '../diff-id.ts';
import { type Digest, digestOf } from '../digest.ts';
import type { ImageIndexDocument } from '../documents.ts';
import type { Image, Layer } from '../image.ts';
import { CONTAINERD_NAME, indexEntry, REF_NAME } from '../listing.ts';
import { layerCompression, MEDIA_TYPES } from '../media-types.ts';
import { formatReference, parseReference, withDefaultTag } from '../reference.ts';
import { LAYOUT_MARKER } from '../stores/layout.ts';
import { EMPTY_INDEX } from '../stores/layout-index.ts';
import { manifestBytes } from './archived-image.ts';
import type { SeekableTarOut } from './write-tar.ts';

interface LayerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** The members of a docker-archive with one image, in a fixed order; large ones first, documents last as Docker has it. */
export async function writeMembers(
  tar: SeekableTarOut,
  image: Image,
  names: readonly string[],
  options: LayerOptions,
): Promise<void> {
  const layers = new Map<Digest, Descriptor>();
  for (const layer of image.layers) {
    if (layers.has(layer.diffId)) continue;
    const size = await tar.unsized(blobPath(layer.diffId), async () => uncompressed(layer, options));
    layers.set(layer.diffId, { mediaType: MEDIA_TYPES.ociLayer, digest: layer.diffId, size });
  }
  const config: Descriptor = {
    mediaType: MEDIA_TYPES.ociConfig,
    digest: image.manifest.config.digest,
    size: image.configBytes.length,
  };
  const manifest = manifestBytes(
    config,
    image.layers.flatMap((layer) => layers.get(layer.diffId) ?? []),
  );
  const descriptor: Descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
  };
  const saved = {
    Config: blobPath(config.digest),
    RepoTags: names,
    Layers: image.layers.map((layer) => blobPath(layer.diffId)),
  };
  await tar.bytes(blobPath(config.digest), image.configBytes);
  await tar.bytes(blobPath(descriptor.digest), manifest);
  await tar.bytes(LAYOUT_MARKER, Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  await tar.bytes('index.json', Buffer.from(JSON.stringify(savedIndex(descriptor, names))));
  await tar.bytes('manifest.json', Buffer.from(JSON.stringify([saved])));
}

function savedIndex(descriptor: Descriptor, names: readonly string[]): ImageIndexDocument {
  const entry = indexEntry(descriptor);
  if (names.length === 0) return { ...EMPTY_INDEX, manifests: [entry] };
  const manifests = names.map((name) => {
    const full = parseReference(name);
    const annotations = { [CONTAINERD_NAME]: formatReference(full), [REF_NAME]: full.tag ?? 'latest' };
    return { ...entry, annotations };
  });
  return { ...EMPTY_INDEX, manifests };
}

/** `app:v1`, short as Docker writes it. */
export function repoTag(text: string): string {
  const reference = parseReference(text);
  if (reference.digest !== undefined) {
    throw new DogwoodError('REFERENCE_INVALID', `${text}: an archive names its image by a tag, not a digest`);
  }
  return formatReference(withDefaultTag(reference)).replace(/^docker\.io\/(?:library\/)?/, '');
}

async function* uncompressed(layer: Layer, { signal, onBytes }: LayerOptions): AsyncGenerator<Uint8Array> {
  const { mediaType, digest } = layer.descriptor;
  const compression = layerCompression(mediaType);
  if (compression === undefined) {
    throw new DogwoodError(
      'IMAGE_INVALID',
      `layer ${digest} is ${mediaType}, no layer that Docker could load`,
    );
  }
  for await (const chunk of tarOfLayer(await layer.open(signal), compression, layer.diffId, digest)) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}
