import type { NixPermissions } from '../../engines/nix/settings.ts';
import { DogwoodError } from '../../errors.ts';
import type { IngestedImage } from '../../oci/archives/ingest-manifest.ts';
import { loadImage } from '../../oci/load.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { CompressionChoice } from '../../plan/request.ts';
import type { BuildContext, Built } from '../builder.ts';

export interface OutputOptions {
  readonly plan: BuildPlan;
  readonly permissions: NixPermissions;
  readonly compression: CompressionChoice;
  /** What was built, for messages. */
  readonly what: string;
}

/** What was taken in, as what was built. Throws PLATFORM_NOT_FOUND where it is for another platform. */
export async function finishImage(
  { descriptor, from }: IngestedImage,
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
