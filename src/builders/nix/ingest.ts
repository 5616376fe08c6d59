import type { Readable } from 'node:stream';
import type { NixPermissions } from '../../engines/nix/settings.ts';
import { DogwoodError } from '../../errors.ts';
import { ingestArchive } from '../../oci/archives/ingest.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { loadImage } from '../../oci/load.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { Target } from '../../oci/target.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { CompressionChoice } from '../../plan/request.ts';
import type { BuildContext, Built } from '../builder.ts';
import { rememberedLayers } from '../compressed-layers.ts';

export interface OutputOptions {
  readonly plan: BuildPlan;
  readonly permissions: NixPermissions;
  readonly compression: CompressionChoice;
  /** What was built, for messages. */
  readonly what: string;
}

interface Taken {
  readonly descriptor: Descriptor;
  readonly from: Target;
}

/** Takes an archive into the sink as it streams by. Throws what `ingestArchive` throws. */
export async function ingest(
  stream: Readable,
  compression: CompressionChoice,
  context: BuildContext,
  signal: AbortSignal = context.signal,
): Promise<Taken> {
  let bytes = 0;
  return await ingestArchive(stream, context.sink, {
    signal,
    compression,
    compressed: rememberedLayers(context.facts),
    onBytes(count) {
      bytes += count;
      context.emit({ type: 'progress', step: 'build', transfer: 'layers', bytes, total: null, done: false });
    },
  });
}

/** What was taken in, as what was built. Throws PLATFORM_NOT_FOUND where it is for another platform. */
export async function finishImage(
  { descriptor, from }: Taken,
  { plan, what }: { readonly plan: BuildPlan; readonly what: string },
  context: BuildContext,
): Promise<Built> {
  const { platform } = plan;
  const { config } = await loadImage(from, descriptor, { platform, signal: context.signal });
  if (config.os !== platform.os || config.architecture !== platform.architecture) {
    throw new DogwoodError(
      'PLATFORM_NOT_FOUND',
      `${what} is an image for ${config.os}/${config.architecture}, not for ${formatPlatform(platform)}`,
    );
  }
  return { descriptor, from, origins: new Map(), processes: readImageProcesses(config).commands };
}
