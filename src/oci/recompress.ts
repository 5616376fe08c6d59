import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { DogwoodError } from '../errors.ts';
import { compress } from './compression/compress.ts';
import { bytesContent, madeOf } from './content.ts';
import type { Descriptor } from './descriptor.ts';
import { tarOfLayer } from './diff-id.ts';
import { digestOf } from './digest.ts';
import type { Image, Layer } from './image.ts';
import { type Compression, layerCompression, MEDIA_TYPES, ociLayerType } from './media-types.ts';
import type { PutOptions, Target } from './target.ts';
import { tellingDamage } from './verify.ts';

/** Two layers keep two cores busy; a layer's blocks are compressed in parallel as well. */
const LAYERS_AT_ONCE = 2;
/** What is not compressed waits for fsync(2) a third of its time: others are hashed meanwhile. */
const PLAIN_LAYERS_AT_ONCE = 4;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes an image's layers with another compression into a target, and a manifest over them; the config stays byte
 * for byte, since what a layer holds does not change. Gives the new manifest's descriptor.
 *
 * @throws IMAGE_INVALID for a layer that is no tar we know, DIGEST_MISMATCH when a layer is not what its diffID says
 */
export async function recompress(
  image: Image,
  compression: Compression,
  into: Target,
  options: PutOptions = {},
): Promise<Descriptor> {
  const layers = await putLayers(image.layers, compression, into, options);
  const config = {
    mediaType: MEDIA_TYPES.ociConfig,
    digest: image.manifest.config.digest,
    size: image.configBytes.length,
  };
  await into.put(bytesContent(image.configBytes), config, options);
  const { annotations } = image.manifest;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config,
      layers,
      ...(annotations ? { annotations } : {}),
    }),
  );
  const descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
  };
  await into.put(bytesContent(manifest), descriptor, options);
  return descriptor;
}

/** When one fails the others are stopped, and nothing runs any more when this rejects. */
async function putLayers(
  layers: readonly Layer[],
  compression: Compression,
  into: Target,
  options: PutOptions,
): Promise<readonly Descriptor[]> {
  const limit = pLimit(compression === 'none' ? PLAIN_LAYERS_AT_ONCE : LAYERS_AT_ONCE);
  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal;
  const work = layers.map((layer) =>
    limit(async () => {
      signal.throwIfAborted();
      try {
        return await putLayer(layer, compression, into, { ...options, signal });
      } catch (error) {
        failure.abort(error);
        throw error;
      }
    }),
  );
  await Promise.allSettled(work);
  // Streams that were stopped only say so; the signals know what came first.
  signal.throwIfAborted();
  return await Promise.all(work);
}

async function putLayer(
  layer: Layer,
  compression: Compression,
  into: Target,
  options: PutOptions,
): Promise<Descriptor> {
  const present = layerCompression(layer.descriptor.mediaType);
  if (present === undefined) {
    throw new DogwoodError(
      'IMAGE_INVALID',
      `layer ${layer.descriptor.digest} has type ${layer.descriptor.mediaType}`,
    );
  }
  const mediaType = ociLayerType(compression);
  const open = async (): Promise<Readable> => {
    // As it is, `put` checks it; an uncompressed one is checked by its diffID below.
    const isChecked = present === compression || layer.descriptor.digest === layer.diffId;
    const stream = await layer.open(options.signal, { verify: !isChecked });
    if (present === compression) return stream;
    const tar = tarOfLayer(stream, present, layer.diffId, layer.descriptor.digest);
    return madeOf(stream, compress(tar, { compression }), CHUNK_BYTES);
  };
  const known =
    present === compression ? { digest: layer.descriptor.digest, size: layer.descriptor.size } : {};
  const put = () => into.put({ open, reopenable: true }, { mediaType, ...known }, options);
  const { descriptor } = await tellingDamage(layer.from, layer.descriptor, put);
  return descriptor;
}
