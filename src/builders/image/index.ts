import type { Descriptor } from '../../oci/descriptor.ts';
import { loadImage, loadImageOrIndex } from '../../oci/load.ts';
import type { Compression } from '../../oci/media-types.ts';
import { recompress } from '../../oci/recompress.ts';
import type { Target } from '../../oci/target.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { BuildContext, Builder, Built } from '../builder.ts';
import { layerProgress } from '../ingest.ts';
import { refuseFlags } from '../refused-flags.ts';

/** Finished images, taken as they are, byte for byte. */
export const imageBuilder: Builder = {
  strategy: 'image',

  async detect(source, _request, context) {
    if (source.kind === 'image') {
      return {
        applies: true,
        reason: 'the source names an image with its transport',
        evidence: [source.reference],
      };
    }
    if (source.kind === 'tree') {
      return {
        applies: false,
        reason: 'a folder is no image; an OCI layout is written oci:DIR',
        evidence: [],
      };
    }
    const members = await context.imageArchiveMembers(source);
    return members.length > 0
      ? { applies: true, reason: 'a tar archive of an image', evidence: members }
      : { applies: false, reason: 'it is no docker-archive and no oci-archive', evidence: [] };
  },

  async plan(source, request, context) {
    refuseFlags(request, ['--compression'], 'an image is taken as it is');
    const { descriptor } = await context.openImage(source);
    return {
      schemaVersion: 1,
      strategy: 'image',
      platform: request.platform,
      labels: {},
      epoch: request.epoch,
      details: {
        strategy: 'image',
        reference: source.name,
        digest: descriptor.digest,
        compression: request.compression,
      },
    };
  },

  async build(plan, context) {
    const { descriptor, from } = await context.openImage(context.source);
    if (plan.details.strategy !== 'image')
      throw new Error('the image builder was given a plan of another strategy');
    const { compression } = plan.details;
    if (compression !== 'keep') return recompressed(plan, compression, { descriptor, from }, context);
    const loaded = await loadImageOrIndex(from, descriptor, { signal: context.signal });
    const processes = loaded.kind === 'image' ? readImageProcesses(loaded.config).commands : {};
    return { descriptor, from, origins: new Map(), processes };
  },
};

/** Other compression, other layer digests: the one platform's image is written anew, its config byte for byte. */
async function recompressed(
  plan: BuildPlan,
  compression: Compression,
  source: { readonly descriptor: Descriptor; readonly from: Target },
  context: BuildContext,
): Promise<Built> {
  const { signal } = context;
  const image = await loadImage(source.from, source.descriptor, { platform: plan.platform, signal });
  const descriptor = await recompress(image, compression, context.sink, {
    signal,
    onBytes: layerProgress(context),
  });
  return {
    descriptor,
    from: context.sink,
    origins: new Map(),
    processes: readImageProcesses(image.config).commands,
  };
}
