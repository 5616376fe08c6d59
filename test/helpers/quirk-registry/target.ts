import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../../src/oci/digest.ts';
import type { Target } from '../../../src/oci/target.ts';
import { digestAs, repositoryOf, type State } from './state.ts';

/** A repository's content as a Target, past all requests: what a test finds or wants there before it begins. */
export function stateTarget(state: State, name: string): Target {
  const repository = repositoryOf(state, name);
  const isDocument = (mediaType: string) => /manifest|index/.test(mediaType);
  const bytesOf = (digest: string) => repository.blobs.get(digest) ?? repository.manifests.get(digest)?.bytes;
  return {
    name,
    has: async ({ digest }) => bytesOf(digest) !== undefined,
    async open({ digest }) {
      const bytes = bytesOf(digest);
      if (bytes === undefined) throw new Error(`${digest} is not there`);
      return Readable.from([bytes], { objectMode: false });
    },
    async put(content, { mediaType, digest: expected }) {
      const bytes = await buffer(await content.open());
      const digest = digestAs(expected ?? 'sha256:', bytes) as Digest;
      if (isDocument(mediaType)) repository.manifests.set(digest, { bytes, mediaType });
      else repository.blobs.set(digest, bytes);
      return { descriptor: { mediaType, digest, size: bytes.length }, outcome: 'sent' };
    },
    async resolve(reference) {
      const digest = reference.includes(':') ? reference : repository.tags.get(reference);
      const found = digest === undefined ? undefined : repository.manifests.get(digest);
      if (digest === undefined || found === undefined) return undefined;
      return { mediaType: found.mediaType, digest: digest as Digest, size: found.bytes.length };
    },
    tag: async ({ digest }, tag) => void repository.tags.set(tag, digest),
  };
}
