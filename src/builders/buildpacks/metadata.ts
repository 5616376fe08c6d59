import { z } from 'zod';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { Image } from '../../oci/image.ts';
import type { LayerOrigin } from '../../plan/result.ts';

const sha = z.object({ sha: z.string().optional() }).optional();
const lifecycleMetadata = z.object({
  app: z.array(z.object({ sha: z.string() })).default([]),
  buildpacks: z
    .array(z.object({ layers: z.record(z.string(), z.object({ sha: z.string().optional() })).default({}) }))
    .default([]),
  sbom: sha,
  config: sha,
  launcher: sha,
  'process-types': sha,
  runImage: z.object({ topLayer: z.string().optional() }).optional(),
});

/** Where each layer comes from, as the exporter noted it (label io.buildpacks.lifecycle.metadata). */
export function layerOrigins(image: Image): ReadonlyMap<Digest, LayerOrigin> {
  const metadata = readLabel(image, 'io.buildpacks.lifecycle.metadata', lifecycleMetadata);
  if (metadata === undefined) return new Map();
  const byDiffId = new Map<string | undefined, LayerOrigin>([
    ...metadata.buildpacks.flatMap(({ layers }) =>
      Object.values(layers).map((layer) => [layer.sha, 'buildpack'] as const),
    ),
    ...metadata.app.map((slice) => [slice.sha, 'app'] as const),
    [metadata.sbom?.sha, 'sbom'],
    [metadata.launcher?.sha, 'launcher'],
    [metadata.config?.sha, 'launch-config'],
    [metadata['process-types']?.sha, 'launch-config'],
  ]);
  const top = image.layers.findIndex(({ diffId }) => diffId === metadata.runImage?.topLayer);
  return new Map(
    image.layers.flatMap(({ descriptor, diffId }, index) => {
      const origin = index <= top ? 'base' : byDiffId.get(diffId);
      return origin === undefined ? [] : [[descriptor.digest, origin] as const];
    }),
  );
}

/** diffID of the layer with the software bill of materials; undefined when no buildpack wrote one. */
export function sbomLayer(image: Image): Digest | undefined {
  const digest = readLabel(image, 'io.buildpacks.lifecycle.metadata', lifecycleMetadata)?.sbom?.sha;
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}

function readLabel<T>(image: Image, name: string, schema: z.ZodType<T>): T | undefined {
  const text = image.config.config?.Labels?.[name];
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // A buildpack may set any label; what cannot be read tells nothing.
    return undefined;
  }
}
