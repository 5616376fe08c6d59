import { DogwoodError } from '../errors.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import { type ImageConfig, type Manifest, parseImageConfig, parseIndex, parseManifest } from './documents.ts';
import type { Image, ImageIndex, Layer } from './image.ts';
import { isIndexType, isManifestType, MEDIA_TYPES } from './media-types.ts';
import { choosePlatform, formatPlatform, platformMatches } from './platform.ts';
import type { Target } from './target.ts';
import { readDocument } from './verify.ts';

export interface LoadOptions {
  /** Which image of an index; without it the only one, or the one for this machine. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MAX_DEPTH = 4;

/**
 * The image that a descriptor names, its documents read and checked against each other, its layers not yet opened.
 * An index is resolved by platform.
 *
 * @throws IMAGE_INVALID when it is no container image or its parts contradict each other; PLATFORM_NOT_FOUND;
 *   MANIFEST_INVALID; BLOB_NOT_FOUND; DIGEST_MISMATCH
 */
export async function loadImage(
  target: Target,
  descriptor: Descriptor,
  options: LoadOptions = {},
): Promise<Image> {
  const chosen = await resolvePlatform(target, descriptor, options.platform, options.signal);
  const manifestBytes = await readDocument(target, chosen, options.signal);
  const manifest = parseManifest(manifestBytes, `manifest ${chosen.digest} in ${target.name}`);
  refuseArtifact(manifest, chosen, target);
  const configBytes = await readDocument(target, manifest.config, options.signal);
  const config = parseImageConfig(configBytes, `config ${manifest.config.digest} in ${target.name}`);
  refuseOtherPlatform(config, chosen, options.platform, target);
  const layers = layersOf(target, manifest, config, chosen);
  return { kind: 'image', descriptor: chosen, manifestBytes, manifest, configBytes, config, layers };
}

/** The image or the whole index that a descriptor names. Throws as `loadImage` does. */
export async function loadImageOrIndex(
  target: Target,
  descriptor: Descriptor,
  options: Omit<LoadOptions, 'platform'> = {},
): Promise<Image | ImageIndex> {
  if (!isIndexType(descriptor.mediaType)) return await loadImage(target, descriptor, options);
  const indexBytes = await readDocument(target, descriptor, options.signal);
  const index = parseIndex(indexBytes, `index ${descriptor.digest} in ${target.name}`);
  return { kind: 'index', descriptor, indexBytes, index };
}

/** The manifest inside an index for a platform; a manifest is its own answer. */
export async function resolvePlatform(
  target: Target,
  descriptor: Descriptor,
  platform: Platform | undefined,
  signal?: AbortSignal,
): Promise<Descriptor> {
  let current = descriptor;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    if (isManifestType(current.mediaType)) return current;
    if (!isIndexType(current.mediaType)) {
      throw new DogwoodError(
        'IMAGE_INVALID',
        `${current.digest} in ${target.name} is ${current.mediaType}, no image`,
      );
    }
    const what = `${target.name} (${current.digest})`;
    const index = parseIndex(await readDocument(target, current, signal), `index ${what}`);
    current = choosePlatform(index.manifests, platform, what);
  }
  throw new DogwoodError('IMAGE_INVALID', `${target.name}: indexes nested deeper than ${MAX_DEPTH}`);
}

function refuseArtifact(manifest: Manifest, descriptor: Descriptor, target: Target): void {
  const type = manifest.config.mediaType;
  if (type === MEDIA_TYPES.ociConfig || type === MEDIA_TYPES.dockerConfig) return;
  throw new DogwoodError(
    'IMAGE_INVALID',
    `${descriptor.digest} in ${target.name} is an artifact (${manifest.artifactType ?? type}), no container image`,
    { hint: 'Artifacts can be copied; there is nothing in them to run or build on.' },
  );
}

/** An image outside an index states its platform in its config only. */
function refuseOtherPlatform(
  config: ImageConfig,
  descriptor: Descriptor,
  wanted: Platform | undefined,
  target: Target,
): void {
  if (wanted === undefined || platformMatches(config, wanted)) return;
  throw new DogwoodError(
    'PLATFORM_NOT_FOUND',
    `${descriptor.digest} in ${target.name} is for ${formatPlatform(config)}, not for ${formatPlatform(wanted)}`,
  );
}

function layersOf(target: Target, manifest: Manifest, config: ImageConfig, descriptor: Descriptor): Layer[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new DogwoodError(
      'IMAGE_INVALID',
      `${descriptor.digest} in ${target.name} has ${manifest.layers.length} layers, its config names ${diffIds.length}`,
    );
  }
  return manifest.layers.flatMap((layer, i) => {
    const diffId = diffIds[i];
    if (diffId === undefined) return [];
    return [
      {
        descriptor: layer,
        diffId,
        from: target,
        open: (signal, { verify } = { verify: true }) => target.open(layer, { verify, signal }),
      },
    ];
  });
}
