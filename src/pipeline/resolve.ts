import type { PlanContext, ResolvedImage } from '../builders/builder.ts';
import type { Platform } from '../oci/descriptor.ts';
import { loadImage } from '../oci/load.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatReference } from '../oci/reference.ts';
import { openImage } from './places/open-image.ts';
import type { Session } from './session/session.ts';

/** Resolves base images, each once: the build sees the very image that the plan was made with. */
export function imageResolver(session: Session): PlanContext['resolveImage'] {
  const resolved = new Map<string, Promise<ResolvedImage>>();
  return (reference, platform) => {
    const key = `${reference} ${formatPlatform(platform)}`;
    const pending = resolved.get(key) ?? resolve(reference, platform, session);
    resolved.set(key, pending);
    return pending;
  };
}

async function resolve(reference: string, platform: Platform, session: Session): Promise<ResolvedImage> {
  const { descriptor, from, reference: name } = await openImage(reference, 'registry', session);
  const image = await loadImage(from, descriptor, { platform, signal: session.environment.signal });
  return { image, from, name: name && formatReference({ ...name, digest: undefined }) };
}
