import { Readable } from 'node:stream';
import type { Descriptor } from '../descriptor.ts';
import { createDigester, type Digest, digestAlgorithm, isDigest } from '../digest.ts';
import type { ListingTarget } from '../listing.ts';
import { isManifestOrIndexType } from '../media-types.ts';
import { mismatch, notFound, sizeMismatch, verified } from '../verify.ts';

/** A target that forgets everything: for tests, and for images that are small. */
export function createMemoryTarget(name = 'memory'): ListingTarget {
  const blobs = new Map<Digest, { mediaType: string; bytes: Uint8Array }>();
  const roots = new Map<Digest, Descriptor>();
  const tags = new Map<string, Descriptor>();

  const has = (descriptor: Descriptor): boolean =>
    blobs.get(descriptor.digest)?.bytes.length === descriptor.size;
  const mustBeThere = (descriptor: Descriptor): void => {
    if (!has(descriptor)) throw notFound(descriptor, name);
  };

  return {
    name,
    has: async (descriptor) => has(descriptor),

    async open(descriptor, { verify = true, offset = 0, signal } = {}) {
      signal?.throwIfAborted();
      const blob = blobs.get(descriptor.digest);
      if (blob === undefined) throw notFound(descriptor, name);
      const stream = Readable.from([blob.bytes.subarray(offset)], { objectMode: false });
      return verify && offset === 0 ? verified(stream, descriptor, name) : stream;
    },

    async put(content, expected, { signal, onBytes } = {}) {
      const there = expected.digest === undefined ? undefined : blobs.get(expected.digest);
      const size = there?.bytes.length;
      if (expected.digest !== undefined && size !== undefined && size === (expected.size ?? size)) {
        return {
          descriptor: { mediaType: expected.mediaType, digest: expected.digest, size },
          outcome: 'existing',
        };
      }
      signal?.throwIfAborted();
      const algorithm = expected.digest === undefined ? 'sha256' : digestAlgorithm(expected.digest);
      const digester = createDigester(algorithm);
      const chunks: Uint8Array[] = [];
      for await (const chunk of (await content.open()) as AsyncIterable<Uint8Array>) {
        signal?.throwIfAborted();
        digester.update(chunk);
        if (expected.size !== undefined && digester.size > expected.size) {
          throw sizeMismatch({ digest: expected.digest, size: expected.size }, digester.size, name);
        }
        chunks.push(chunk);
        onBytes?.(chunk.length);
      }
      const digest = digester.digest();
      const wrong = mismatch(expected, digester.size, () => digest, name);
      if (wrong !== null) throw wrong;
      blobs.set(digest, { mediaType: expected.mediaType, bytes: Buffer.concat(chunks) });
      return { descriptor: { mediaType: expected.mediaType, digest, size: digester.size }, outcome: 'sent' };
    },

    async resolve(reference) {
      if (!isDigest(reference)) return tags.get(reference);
      const blob = blobs.get(reference);
      if (blob === undefined || !isManifestOrIndexType(blob.mediaType)) return undefined;
      return { mediaType: blob.mediaType, digest: reference, size: blob.bytes.length };
    },

    async tag(descriptor, tag) {
      mustBeThere(descriptor);
      tags.set(tag, descriptor);
    },

    async addRoot(descriptor) {
      mustBeThere(descriptor);
      roots.set(descriptor.digest, descriptor);
    },

    async list() {
      const tagged = [...tags].map(([tag, descriptor]) => ({ descriptor, name: tag }));
      const named = new Set(tagged.map((image) => image.descriptor.digest));
      const others = [...roots.values()].filter((root) => !named.has(root.digest));
      return [...tagged, ...others.map((descriptor) => ({ descriptor }))];
    },
  };
}
