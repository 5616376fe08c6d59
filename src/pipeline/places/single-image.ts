import type { Descriptor } from '../../oci/descriptor.ts';
import { loadImageOrIndex, resolvePlatform } from '../../oci/load.ts';
import { formatPlatform, isAttestation } from '../../oci/platform.ts';
import type { Target } from '../../oci/target.ts';
import type { PipelineEnvironment } from '../session/environment.ts';

/**
 * The image of an index for a place that holds one image only: the only one, or the one for this machine. A warning
 * says which it was when others are left behind.
 *
 * @param label of the place, for the warning
 * @throws PLATFORM_NOT_FOUND
 */
export async function singleImage(
  from: Target,
  descriptor: Descriptor,
  label: string,
  { emit, signal }: Pick<PipelineEnvironment, 'emit' | 'signal'>,
): Promise<Descriptor> {
  const chosen = await resolvePlatform(from, descriptor, undefined, signal);
  const loaded = await loadImageOrIndex(from, descriptor, { signal });
  if (loaded.kind === 'image') return chosen;
  const images = loaded.index.manifests.filter((entry) => !isAttestation(entry));
  const left = images.filter(({ digest }) => digest !== chosen.digest).map(platformText);
  if (left.length > 0) {
    const message = `${label} holds one image: ${platformText(chosen)} of this index was taken, not ${left.join(', ')}; \`build copy --platform\` chooses another`;
    emit({ type: 'warning', code: 'PLATFORMS_LEFT_OUT', message });
  }
  return chosen;
}

const platformText = ({ platform, digest }: Descriptor): string =>
  platform === undefined ? digest : formatPlatform(platform);
