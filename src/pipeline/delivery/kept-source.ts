import type { Target } from '../../oci/target.ts';
import { createSharing } from '../../registry/http/sharing.ts';

/**
 * A source far away whose blobs and documents are fetched once for all who read them, into a store on this machine, and
 * not before the first of them does: what every receiver has already is not fetched at all.
 */
export function keptSource(from: Target, store: Target): Target {
  const fetchOnce = createSharing<unknown>();
  return {
    ...from,
    async open(descriptor, options = {}) {
      const fetch = (signal: AbortSignal) => {
        const open = () => from.open(descriptor, { verify: false, signal });
        return store.put({ open, reopenable: true }, descriptor, { signal });
      };
      await fetchOnce(descriptor.digest, fetch, options.signal);
      return store.open(descriptor, options);
    },
    discardDamaged: async (descriptor) => store.discardDamaged?.(descriptor),
  };
}
