import type { DockerEngine } from '../../engines/docker/engine.ts';
import { DogwoodError } from '../../errors.ts';
import type { IngestedImage } from '../../oci/archives/ingest-manifest.ts';
import type { CompressionChoice } from '../../plan/request.ts';
import type { BuildContext } from '../builder.ts';
import { ingest } from '../ingest.ts';

/** An image on its way out of the engine. */
export interface Taking {
  /** It may be there by now: begins to take it. */
  begin(): void;
  /** It is there: gives it, whole. Throws what the engine, the archive or the sink throws. */
  finish(): Promise<IngestedImage>;
  /** It is not wanted any more. */
  giveUp(): Promise<void>;
}

/**
 * Takes an image out of the engine as a stream, layers straight into the sink. The exporter goes on filling caches,
 * and pack tidying up, while that may begin.
 */
export function takeImage(
  docker: DockerEngine,
  name: string,
  compression: CompressionChoice,
  context: BuildContext,
): Taking {
  const own = new AbortController();
  const signal = AbortSignal.any([context.signal, own.signal]);
  let early: Promise<IngestedImage> | undefined;
  const take = async (): Promise<IngestedImage> =>
    ingest(await docker.exportImage(name, signal), compression, context, signal);
  return {
    begin() {
      if (early !== undefined || own.signal.aborted) return;
      early = take();
      // Heard in `finish` or `giveUp`.
      early.catch(() => {});
    },
    async finish() {
      try {
        return await (early ?? take());
      } catch (error) {
        // Begun on a word that was not the exporter's, when there was nothing yet.
        if (early === undefined || !isAbsent(error)) throw error;
        return await take();
      }
    },
    async giveUp() {
      own.abort();
      await early?.catch(() => {});
    },
  };
}

const isAbsent = (error: unknown): boolean =>
  error instanceof DogwoodError && error.code === 'IMAGE_NOT_FOUND';
