import { DogwoodError } from '../errors.ts';
import type { Descriptor, Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig, Manifest } from '../oci/documents.ts';
import type { Image } from '../oci/image.ts';
import { loadImage, loadImageOrIndex } from '../oci/load.ts';
import { isAttestation } from '../oci/platform.ts';
import { readImageProcesses } from '../plan/processes.ts';
import { imagePlatform } from './describe.ts';
import { openImage } from './places/open-image.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

export interface InspectedLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** From the history; null where the image has none for it. */
  readonly createdBy: string | null;
}

/** `build inspect --json`. */
export interface InspectDocument {
  readonly schemaVersion: 1;
  readonly image: {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly size: number;
    readonly platform: Platform;
  };
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly layers: readonly InspectedLayer[];
  readonly processes: Readonly<Record<string, string>>;
  /** Every platform of the index that the name means; one for a single image. */
  readonly platforms: readonly { readonly platform: Platform; readonly digest: Digest }[];
  /** What refers to the image with its `subject` (artifacts such as an SBOM); null where that was not asked for. */
  readonly referrers: readonly Descriptor[] | null;
  /** SLSA provenance, once images carry it. */
  readonly provenance: null;
}

export interface InspectOptions {
  readonly platform?: Platform | undefined;
  /** Of an image in a registry: its referrers too, those of the index where it is one. */
  readonly referrers?: boolean | undefined;
}

/** What an image is made of. Reads documents only, no layers. */
export function inspectImage(
  name: string,
  environment: PipelineEnvironment,
  options: InspectOptions = {},
): Promise<InspectDocument> {
  return withSession(environment, async (session) => {
    const { signal } = environment;
    const { descriptor, from, reference } = await openImage(name, 'local', session);
    if (options.referrers && reference === undefined) {
      throw new DogwoodError('USAGE', '--referrers is for images in registries', {
        hint: 'Name the image as docker://HOST/REPOSITORY.',
      });
    }
    const image = await loadImage(from, descriptor, { platform: options.platform, signal });
    const loaded = await loadImageOrIndex(from, descriptor, { signal });
    const own = { platform: imagePlatform(image), digest: image.descriptor.digest };
    const { digest, mediaType, size } = image.descriptor;
    return {
      schemaVersion: 1,
      image: { digest, mediaType, size, platform: own.platform },
      manifest: image.manifest,
      config: image.config,
      layers: describeLayers(image),
      processes: readImageProcesses(image.config).commands,
      platforms:
        loaded.kind === 'image'
          ? [own]
          : loaded.index.manifests.flatMap((manifest) =>
              manifest.platform && !isAttestation(manifest)
                ? [{ platform: manifest.platform, digest: manifest.digest }]
                : [],
            ),
      referrers:
        options.referrers && reference !== undefined
          ? await session.repository(reference).referrers(descriptor.digest, { signal })
          : null,
      provenance: null,
    };
  });
}

function describeLayers(image: Image): readonly InspectedLayer[] {
  const history = (image.config.history ?? []).filter((entry) => !entry.empty_layer);
  return image.layers.map(({ descriptor, diffId }, index) => ({
    digest: descriptor.digest,
    diffId,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    createdBy: history[index]?.created_by ?? null,
  }));
}
