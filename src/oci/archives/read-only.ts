import { addAbortSignal, Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { skipBytes } from '../content.ts';
import type { Descriptor } from '../descriptor.ts';
import type { ListingTarget } from '../listing.ts';
import { notFound, verified } from '../verify.ts';

/** An archive, read as a target. `dispose` removes what was kept aside to read it. */
export interface ArchiveTarget extends ListingTarget {
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where the bytes of a blob are. */
export interface BlobSource {
  readonly size: number;
  open(): Promise<Readable>;
}

interface ArchiveView {
  readonly name: string;
  /** Undefined when the archive has no such blob. */
  locate(descriptor: Descriptor): Promise<BlobSource | undefined>;
  readonly list: ListingTarget['list'];
  readonly resolve: ListingTarget['resolve'];
  dispose(): Promise<void>;
}

export function bytesSource(bytes: Uint8Array): BlobSource {
  return { size: bytes.length, open: async () => Readable.from([bytes], { objectMode: false }) };
}

/** A target that can only be read, from the little that archives differ in. */
export function readOnlyTarget(view: ArchiveView): ArchiveTarget {
  const refuse = async (): Promise<never> => {
    throw new DogwoodError('INTERNAL', `${view.name} is an archive and can only be read`);
  };
  return {
    name: view.name,
    list: view.list,
    resolve: view.resolve,
    has: async (descriptor) => (await view.locate(descriptor))?.size === descriptor.size,
    async open(descriptor, { verify = true, offset = 0, signal } = {}) {
      signal?.throwIfAborted();
      const source = await view.locate(descriptor);
      if (source === undefined) throw notFound(descriptor, view.name);
      const bytes = await source.open();
      const whole = verify && offset === 0;
      const stream = whole ? verified(bytes, descriptor, view.name) : skipBytes(bytes, offset);
      return signal === undefined ? stream : addAbortSignal(signal, stream);
    },
    put: refuse,
    tag: refuse,
    dispose: view.dispose,
    [Symbol.asyncDispose]: view.dispose,
  };
}
