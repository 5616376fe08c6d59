import { createReadStream, openSync } from 'node:fs';
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

/** A file with the bytes of a blob from an offset on. */
interface Kept {
  readonly from: number;
  readonly spool: Spool;
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
  const kept = new Map<Digest, Promise<Kept>>();

  const fetch = async (descriptor: Descriptor, options: OpenOptions): Promise<Kept> => {
    const fresh = await spool(await source.open(descriptor, options), temp);
    try {
      await fresh.whole();
    } catch (error) {
      await fresh.dispose();
      throw error;
    }
    return { from: options.offset ?? 0, spool: fresh };
  };
  /** Several receivers may have lost patience with one blob: the first fetches it, the others wait. */
  const keep = async (descriptor: Descriptor, options: OpenOptions): Promise<Kept> => {
    const { digest } = descriptor;
    let before: Kept | undefined;
    for (let under = kept.get(digest); under !== undefined; under = kept.get(digest)) {
      before = await under.catch(() => undefined);
      if (before !== undefined && before.from <= (options.offset ?? 0)) return before;
      if (kept.get(digest) === under) kept.delete(digest);
    }
    const own = fetch(descriptor, options);
    kept.set(digest, own);
    const fresh = await own;
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
    const { from, spool } = await keep(descriptor, options);
    // Opened at once: it is removed when somebody wants more of the blob than it has.
    const fd = openSync(spool.path, 'r');
    return createReadStream(spool.path, { fd, start: (options.offset ?? 0) - from });
  };

  return {
    target: { ...source, open },
    async dispose() {
      const all = await Promise.allSettled(kept.values());
      kept.clear();
      await Promise.all(
        all.map(async (one) => one.status === 'fulfilled' && (await one.value.spool.dispose())),
      );
    },
  };
}
