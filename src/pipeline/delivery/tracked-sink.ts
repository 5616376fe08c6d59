import type { Digest } from '../../oci/digest.ts';
import type { PutResult, Target } from '../../oci/target.ts';

/** A target that remembers what it was given in this run. */
export interface TrackedSink {
  readonly target: Target;
  /** Bytes that had to move, and bytes that were there already or were mounted. */
  counts(): { readonly uploadedBytes: number; readonly skippedBytes: number };
}

/**
 * Wraps a target so that a blob which a builder has put, or found there, is not asked for again when the whole image
 * is copied: one question per blob and run, and each blob is counted once.
 */
export function trackedSink(target: Target): TrackedSink {
  const seen = new Map<Digest, PutResult>();
  return {
    target: {
      name: target.name,
      open: (descriptor, options) => target.open(descriptor, options),
      resolve: (reference, signal) => target.resolve(reference, signal),
      tag: (descriptor, tag, signal) => target.tag(descriptor, tag, signal),
      addRoot: async (descriptor, signal) => target.addRoot?.(descriptor, signal),
      ...(target.addReferrer && { addReferrer: target.addReferrer.bind(target) }),
      discardDamaged: async (descriptor) => target.discardDamaged?.(descriptor),
      origin: (descriptor) => target.origin?.(descriptor),
      async has(descriptor, signal) {
        if (seen.has(descriptor.digest)) return true;
        const there = await target.has(descriptor, signal);
        if (there) seen.set(descriptor.digest, { descriptor, outcome: 'existing' });
        return there;
      },
      async put(content, expected, options) {
        const known = expected.digest !== undefined && options?.again !== true;
        const before = known ? seen.get(expected.digest) : undefined;
        if (before)
          return { descriptor: { ...before.descriptor, mediaType: expected.mediaType }, outcome: 'existing' };
        const result = await target.put(content, expected, options);
        seen.set(result.descriptor.digest, result);
        return result;
      },
    },
    counts() {
      let [uploadedBytes, skippedBytes] = [0, 0];
      for (const { descriptor, outcome } of seen.values()) {
        if (outcome === 'sent') uploadedBytes += descriptor.size;
        else skippedBytes += descriptor.size;
      }
      return { uploadedBytes, skippedBytes };
    },
  };
}
