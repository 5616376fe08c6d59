import type { Built } from '../builders/builder.ts';
import type { Platform } from '../oci/descriptor.ts';
import type { Image } from '../oci/image.ts';
import { loadImage, loadImageOrIndex } from '../oci/load.ts';
import { isAttestation } from '../oci/platform.ts';
import type { ResultLayer, ResultPlatform, SucceededBuild } from '../plan/result.ts';

/** The platform an image's config says it is for. */
export function imagePlatform(image: Image): Platform {
  const { os, architecture, variant } = image.config;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** The parts of a result that are read off the image itself. */
export async function describeBuilt(
  built: Built,
  signal: AbortSignal,
): Promise<Pick<SucceededBuild, 'image' | 'platforms' | 'config' | 'layers' | 'processes' | 'slug'>> {
  const loaded = await loadImageOrIndex(built.from, built.descriptor, { signal });
  const images =
    loaded.kind === 'image'
      ? [loaded]
      : await Promise.all(
          loaded.index.manifests
            .filter((manifest) => !isAttestation(manifest))
            .map((manifest) => loadImage(built.from, manifest, { signal })),
        );
  const platforms = images.map((image) => describePlatform(image, built));
  const [only, ...others] = platforms;
  const single = loaded.kind === 'image' && others.length === 0 ? only : undefined;
  const { digest, mediaType, size } = built.descriptor;
  return {
    image: { digest, mediaType, size, ...(single ? { platform: single.platform } : {}) },
    platforms,
    ...(single ? { config: single.config, layers: single.layers } : {}),
    processes: built.processes,
    ...(built.slug ? { slug: built.slug } : {}),
  };
}

function describePlatform(image: Image, built: Built): ResultPlatform {
  return {
    platform: imagePlatform(image),
    digest: image.descriptor.digest,
    config: { digest: image.manifest.config.digest },
    layers: image.layers.map(({ descriptor, diffId }): ResultLayer => {
      const { digest, mediaType, size } = descriptor;
      return { digest, diffId, mediaType, size, origin: built.origins.get(digest) ?? 'image' };
    }),
  };
}
