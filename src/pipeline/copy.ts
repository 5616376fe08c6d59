import type { Descriptor, Platform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { loadImage, resolvePlatform } from '../oci/load.ts';
import { recompress } from '../oci/recompress.ts';
import type { CompressionChoice } from '../plan/request.ts';
import { deliver } from './delivery/deliver.ts';
import { trackedSink } from './delivery/tracked-sink.ts';
import { parseImageName } from './places/image-name.ts';
import { openImage } from './places/open-image.ts';
import { openPlace } from './places/open-places.ts';
import { directPlace, type Place, type WholePlace } from './places/place.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

/** `build copy --json`. */
export interface CopyDocument {
  readonly schemaVersion: 1;
  readonly status: 'succeeded';
  readonly image: { readonly digest: Digest; readonly mediaType: string; readonly size: number };
  /** Where it went, as it was written. */
  readonly reference: string;
  readonly uploadedBytes: number;
  readonly skippedBytes: number;
}

export interface CopyImageOptions {
  /** `keep` copies byte for byte. */
  readonly compression: CompressionChoice;
  /** The image of an index to copy; by default an index travels whole. */
  readonly platform?: Platform | undefined;
}

/** Copies an image or index from one transport to another. */
export function copyImage(
  from: string,
  to: string,
  environment: PipelineEnvironment,
  options: CopyImageOptions,
): Promise<CopyDocument> {
  return withSession(environment, async (session) => {
    const { signal } = environment;
    const place = await openPlace(parseImageName(to, 'registry'), session);
    const opened = await openImage(from, 'registry', session);
    const sink = trackedSink(directPlace([place])?.target ?? session.store);
    const source = { descriptor: opened.descriptor, from: opened.from };
    if (options.platform)
      source.descriptor = await resolvePlatform(source.from, source.descriptor, options.platform, signal);
    if (options.compression !== 'keep') {
      const image = await loadImage(source.from, source.descriptor, { platform: options.platform, signal });
      source.descriptor = await recompress(image, options.compression, sink.target, { signal });
      source.from = sink.target;
    }
    const counted = countedPlace(place);
    await deliver({ ...source, origins: new Map(), processes: {} }, sink, [counted.place], session);
    const { digest, mediaType, size } = counted.written() ?? source.descriptor;
    return {
      schemaVersion: 1,
      status: 'succeeded',
      image: { digest, mediaType, size },
      reference: to,
      ...(place.kind === 'whole' ? { uploadedBytes: counted.bytes(), skippedBytes: 0 } : sink.counts()),
    };
  });
}

/** A place that takes whole images tells what it took, and how much, only while it takes it. */
function countedPlace(place: Place) {
  let bytes = 0;
  let written: Descriptor | undefined;
  const counted = { place, bytes: () => bytes, written: () => written };
  if (place.kind !== 'whole') return counted;
  const write: WholePlace['write'] = async (from, descriptor, onBytes) => {
    written = await place.write(from, descriptor, (count) => {
      bytes += count;
      onBytes(count);
    });
    return written;
  };
  return { ...counted, place: { ...place, write } };
}
