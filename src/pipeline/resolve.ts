import type { PlanContext, ResolvedImage } from '../builders/builder.ts';
import type { Platform } from '../oci/descriptor.ts';
import { loadImage } from '../oci/load.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatReference } from '../oci/reference.ts';
import { onceEach } from './once.ts';
import { openImage } from './places/open-image.ts';
import type { Session } from './session/session.ts';

/** Resolves base images, each once: the build sees the very image that the plan was made with. */
export function imageResolver(session: Session): PlanContext['resolveImage'] {
  const once = onceEach();
  return (reference, platform) =>
    once(`${reference} ${formatPlatform(platform)}`, () => resolve(reference, platform, session));
}

async function resolve(reference: string, platform: Platform, session: Session): Promise<ResolvedImage> {
  const { descriptor, from, reference: name } = await openImage(reference, 'registry', session);
  const image = await loadImage(from, descriptor, { platform, signal: session.environment.signal });
  return { image, from, name: name && formatReference({ ...name, digest: undefined }) };
}
