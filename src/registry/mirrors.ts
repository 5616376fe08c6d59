import { Readable } from 'node:stream';
import { DogwoodError } from '../errors.ts';
import { madeOf, skipBytes } from '../oci/content.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isManifestOrIndexType } from '../oci/media-types.ts';
import type { Reference } from '../oci/reference.ts';
import type { OpenOptions, Target } from '../oci/target.ts';
import { readDocument, verified } from '../oci/verify.ts';

/** A place that holds copies of what a registry has: `HOST[:PORT][/PREFIX]`. */
export interface Mirror {
  readonly registry: string;
  /** Stands before the repository's name; empty for none. */
  readonly prefix: string;
}

/** Reads a mirror as the config file has it. */
export function parseMirror(text: string): Mirror {
  const [registry = '', ...prefix] = text.split('/');
  return { registry: registry.toLowerCase(), prefix: prefix.filter((part) => part !== '').join('/') };
}

/** The same repository at the mirror. */
export function mirrorReference({ registry, prefix }: Mirror, { repository }: Reference): Reference {
  return { registry, repository: prefix === '' ? repository : `${prefix}/${repository}` };
}

export interface MirroredOptions {
  readonly registry: Target;
  /** In the order in which they are asked. Whatever they fail with is tried elsewhere at once: no retries. */
  readonly mirrors: readonly Target[];
  /** Told once of each mirror that failed, with what it said. */
  readonly onFailure: (mirror: string, reason: string) => void;
}

/**
 * A repository that is read from its mirrors first, and from the registry itself where they do not have something or
 * fail. A mirror that failed is left alone from then on. All bytes of mirrors are verified, whoever else does; what is
 * written goes to the registry.
 */
export function createMirroredTarget(options: MirroredOptions): Target {
  const { registry } = options;
  const { ask, passOver, distrust } = createOrder(options);

  const openBlob = async (descriptor: Descriptor, open: OpenOptions): Promise<Readable> => {
    const { signal } = open;
    const first = await ask(
      async (mirror) => ({ mirror, stream: await mirror.open(descriptor, { verify: false, signal }) }),
      signal,
    );
    if (first === undefined) return await registry.open(descriptor, open);
    const { mirror, stream } = first;
    // Where a mirror breaks off half-way, the registry's bytes go on.
    const chunks = continued(stream, async (error) => {
      passOver(mirror, error, signal);
      return await registry.open(descriptor, { verify: false, signal });
    });
    return verified(madeOf(stream, chunks, 1024 * 1024), descriptor, mirror.name, async () => {
      distrust(mirror, `${descriptor.digest} is damaged there`);
    });
  };

  return {
    ...registry,
    async has(descriptor, signal) {
      const found = await ask(async (mirror) => (await mirror.has(descriptor, signal)) || undefined, signal);
      return found ?? (await registry.has(descriptor, signal));
    },
    async open(descriptor, open = {}) {
      if (!isManifestOrIndexType(descriptor.mediaType)) return await openBlob(descriptor, open);
      const { signal } = open;
      const document = await ask((mirror) => readDocument(mirror, descriptor, signal), signal);
      if (document === undefined) return await registry.open(descriptor, open);
      return Readable.from([document], { objectMode: false });
    },
    async resolve(reference, signal) {
      const found = await ask((mirror) => mirror.resolve(reference, signal), signal);
      return found ?? (await registry.resolve(reference, signal));
    },
  };
}

/** Asks mirrors one after the other, and remembers which of them are of no use. */
function createOrder({ mirrors, onFailure }: Pick<MirroredOptions, 'mirrors' | 'onFailure'>) {
  const failed = new Set<Target>();
  const distrust = (mirror: Target, reason: string): void => {
    if (!failed.has(mirror)) onFailure(mirror.name, reason);
    failed.add(mirror);
  };
  /** Returns when the next place may be asked; throws when the run itself is over. */
  const passOver = (mirror: Target, error: unknown, signal: AbortSignal | undefined): void => {
    signal?.throwIfAborted();
    if (!(error instanceof DogwoodError) || error.kind.fault === 'bug') throw error;
    if (error.code !== 'BLOB_NOT_FOUND' && error.code !== 'IMAGE_NOT_FOUND') distrust(mirror, error.message);
  };
  /** The first answer that is one. */
  const ask = async <T>(
    run: (mirror: Target) => Promise<T | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> => {
    for (const mirror of mirrors.filter((one) => !failed.has(one))) {
      try {
        const answer = await run(mirror);
        if (answer !== undefined) return answer;
      } catch (error) {
        passOver(mirror, error, signal);
      }
    }
    return undefined;
  };
  return { ask, passOver, distrust };
}

/** A stream, and where it breaks off another one of the same bytes from there on. */
async function* continued(
  stream: Readable,
  other: (error: unknown) => Promise<Readable>,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      yield chunk;
      received += chunk.length;
    }
    return;
  } catch (error) {
    stream.destroy();
    yield* skipBytes(await other(error), received);
  }
}
