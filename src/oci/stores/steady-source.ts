import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Descriptor } from '../descriptor.ts';
import type { Digest } from '../digest.ts';
import { isManifestOrIndexType } from '../media-types.ts';
import type { OpenOptions, Target } from '../target.ts';
import { type Spool, spool } from './spool.ts';
import type { TempFiles } from './temp-files.ts';

export interface SteadySource {
  readonly target: Target;
  /** Removes what was kept aside. */
  dispose(): Promise<void>;
}

/** Bytes below which a blob comes too quickly for anybody to lose patience. */
const WORTH_KEEPING = 1024 * 1024;

/**
 * A source that may be slower than a receiver has patience. A receiver that hears nothing for a while gives up the
 * connection, and would do so each time (skopeo#1627, containers/image#1083): a blob whose reader went away before
 * its end is fetched into a file first when it is opened again, and given from there at the speed of the disk. What
 * goes well passes straight through.
 *
 * Readers that want the bytes verified get them from the source itself.
 */
export function steadySource(source: Target, temp: TempFiles): SteadySource {
  /** All that were opened of a blob and did not come to their end, or not yet. */
  const opened = new Map<Digest, readonly Readable[]>();
  const kept = new Map<Digest, { readonly from: number; readonly spool: Spool }>();

  const keep = async (descriptor: Descriptor, options: OpenOptions, from: number): Promise<Spool> => {
    const before = kept.get(descriptor.digest);
    if (before !== undefined && before.from <= from) return before.spool;
    const fresh = await spool(await source.open(descriptor, options), temp);
    try {
      await fresh.whole();
    } catch (error) {
      await fresh.dispose();
      throw error;
    }
    kept.set(descriptor.digest, { from, spool: fresh });
    await before?.spool.dispose();
    return fresh;
  };

  const open = async (descriptor: Descriptor, options: OpenOptions = {}): Promise<Readable> => {
    const passes = isManifestOrIndexType(descriptor.mediaType) || descriptor.size < WORTH_KEEPING;
    if (passes || options.verify !== false) return await source.open(descriptor, options);
    const { digest } = descriptor;
    const before = (opened.get(digest) ?? []).filter((stream) => !stream.readableEnded);
    if (!before.some((stream) => stream.destroyed)) {
      const stream = await source.open(descriptor, options);
      opened.set(digest, [...before, stream]);
      return stream;
    }
    const from = options.offset ?? 0;
    const { path } = await keep(descriptor, options, from);
    return createReadStream(path, { start: from - (kept.get(digest)?.from ?? from) });
  };

  return {
    target: { ...source, open },
    async dispose() {
      await Promise.all([...kept.values()].map((one) => one.spool.dispose()));
      kept.clear();
    },
  };
}
