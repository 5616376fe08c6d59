import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import type { ExpectedTraffic } from '../../helpers/fault-proxy/faults.ts';
import type { FaultProxy } from '../../helpers/fault-proxy/proxy.ts';
import type { FaultImage } from './image.ts';
import { lookAt } from './look.ts';

/** An image on its way into a registry, or out of one. */
export interface Trip {
  readonly image: FaultImage;
  /** Undefined: the registry. */
  readonly from?: Target;
  /** Undefined: the registry. */
  readonly to?: Target;
  readonly traffic: ExpectedTraffic;
  /** What the receiver has, every blob of it hashed. Throws where one is not what its name says. */
  look(): Promise<{ readonly whole: boolean; readonly missing: number }>;
  /** Bytes of blobs that went through the proxy. */
  moved(proxy: FaultProxy): number;
  /** So many more than were missing may be counted. */
  readonly slack: number;
}

/** Bytes of an answer without a body to speak of. */
const SMALL_ANSWER = 250;

/** @param url of the repository, asked directly */
export function pushTrip(image: FaultImage, url: string, tag: string): Trip {
  // HEAD, POST and PUT of each blob, HEAD and PUT of each document, and some room for repetitions.
  const answers = image.blobs.length * 3 + image.documents.length * 2 + 4;
  return {
    image,
    from: image.source,
    traffic: { up: sizeOf(image), down: answers * SMALL_ANSWER, answers },
    async look() {
      const { there, missingBytes, tagged } = await lookAt(url, image, tag);
      const whole = there.length === image.blobs.length + image.documents.length;
      return { whole: whole && tagged === image.root.digest, missing: missingBytes };
    },
    moved: (proxy) => proxy.uploadBytes(),
    slack: 0,
  };
}

export function pullTrip(image: FaultImage): Trip {
  const to = createMemoryTarget('the puller');
  const documents = image.documents.reduce((sum, { size }) => sum + size, 0);
  const answers = image.blobs.length + image.documents.length + 4;
  return {
    image,
    to,
    traffic: { up: answers * SMALL_ANSWER, down: sizeOf(image), answers },
    async look() {
      let missing = 0;
      for (const blob of image.blobs) {
        if (!(await to.has(blob))) missing += blob.size;
        else for await (const _ of await to.open(blob));
      }
      return { whole: missing === 0 && (await to.resolve('v1')) !== undefined, missing };
    },
    // Documents are read to know what is below them, whether they are there or not.
    moved: (proxy) => proxy.counts['answer-body'] - documents,
    // The body of the ping.
    slack: 10,
  };
}

function sizeOf(image: FaultImage): number {
  return [...image.blobs, ...image.documents].reduce((sum, { size }) => sum + size, 0);
}
