import type { Readable } from 'node:stream';
import { ingestArchive } from '../oci/archives/ingest.ts';
import type { IngestedImage } from '../oci/archives/ingest-manifest.ts';
import type { CompressionChoice } from '../plan/request.ts';
import type { BuildContext } from './builder.ts';
import { rememberedLayers } from './remembered-layers.ts';

/**
 * Takes the archive that an engine writes into the build's sink as it streams by, and tells how much went there. Throws
 * what `ingestArchive` throws.
 */
export async function ingest(
  archive: Readable,
  compression: CompressionChoice,
  context: BuildContext,
  signal: AbortSignal = context.signal,
): Promise<IngestedImage> {
  return await ingestArchive(archive, context.sink, {
    compression,
    compressed: rememberedLayers(context.facts),
    signal,
    onBytes: layerProgress(context),
  });
}

/** Adds up the bytes of layers that go into the sink and tells the sum. */
export function layerProgress({ emit }: Pick<BuildContext, 'emit'>): (count: number) => void {
  let bytes = 0;
  return (count) => {
    bytes += count;
    emit({ type: 'progress', step: 'build', transfer: 'layers', bytes, total: null, done: false });
  };
}
