import { pipeline, type Readable, Transform } from 'node:stream';
import { DogwoodError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { createDigester, type Digest, digestAlgorithm } from './digest.ts';
import { MAX_DOCUMENT_BYTES } from './documents.ts';
import type { Target } from './target.ts';

type Identity = Pick<Descriptor, 'digest' | 'size'>;

/**
 * The stream, ended with SIZE_MISMATCH or DIGEST_MISMATCH when it is not what the descriptor names. The last bytes
 * pass before the digest is known: nothing may be trusted until the stream ended well.
 *
 * @param what names the source in messages
 * @param onMismatch is waited for before the stream fails
 */
export function verified(
  source: Readable,
  expected: Identity,
  what: string,
  onMismatch: () => Promise<void> = async () => {},
): Readable {
  const digester = createDigester(digestAlgorithm(expected.digest));
  const end = (wrong: DogwoodError | null, done: (error: Error | null) => void): void => {
    if (wrong === null) done(null);
    else void onMismatch().finally(() => done(wrong));
  };
  const checker = new Transform({
    readableHighWaterMark: 1024 * 1024,
    transform(chunk: Uint8Array, _encoding, done) {
      digester.update(chunk);
      if (digester.size > expected.size) end(sizeMismatch(expected, digester.size, what), done);
      else done(null, chunk);
    },
    flush(done) {
      end(
        mismatch(expected, digester.size, () => digester.digest(), what),
        done,
      );
    },
  });
  pipeline(source, checker, () => {
    // The checker carries the error to whoever reads it.
  });
  return checker;
}

/** Runs what takes in a blob that its source gives unverified; a source whose bytes are refused is told so. */
export async function tellingDamage<T>(
  from: Target,
  descriptor: Descriptor,
  take: () => Promise<T>,
): Promise<T> {
  try {
    return await againWhenDamaged(from, take);
  } catch (error) {
    if (isDamage(error)) await from.discardDamaged?.(descriptor);
    throw error;
  }
}

/**
 * Runs what reads a blob once more when bytes that came from a registry are not what they should be. The same wrong
 * bytes twice are what the registry holds (the error stays); others are damage on the way, which may pass.
 *
 * @throws TRANSFER_DAMAGED; what `read` throws
 */
async function againWhenDamaged<T>(from: Pick<Target, 'origin'>, read: () => Promise<T>): Promise<T> {
  let first: DogwoodError;
  try {
    return await read();
  } catch (error) {
    // Nothing comes between us and a disk.
    if (!isDamage(error) || from.origin === undefined) throw error;
    first = error;
  }
  try {
    return await read();
  } catch (second) {
    if (!isDamage(second) || second.message === first.message) throw second;
    throw new DogwoodError('TRANSFER_DAMAGED', second.message, { cause: second });
  }
}

function isDamage(error: unknown): error is DogwoodError {
  return (
    error instanceof DogwoodError && (error.code === 'DIGEST_MISMATCH' || error.code === 'SIZE_MISMATCH')
  );
}

/** The error that bytes deserve which are not what was expected; null when they are. */
export function mismatch(
  expected: { digest?: Digest | undefined; size?: number | undefined },
  size: number,
  digest: () => string,
  what: string,
): DogwoodError | null {
  if (expected.size !== undefined && size !== expected.size) {
    return sizeMismatch({ digest: expected.digest, size: expected.size }, size, what);
  }
  if (expected.digest === undefined) return null;
  const actual = digest();
  if (actual === expected.digest) return null;
  return new DogwoodError('DIGEST_MISMATCH', `${what}: expected ${expected.digest}, the bytes are ${actual}`);
}

export function sizeMismatch(
  expected: { digest?: string | undefined; size: number },
  size: number,
  what: string,
): DogwoodError {
  const which = expected.digest ?? 'a blob';
  return new DogwoodError(
    'SIZE_MISMATCH',
    `${what}: ${which} should be ${expected.size} bytes, ${size > expected.size ? 'more came' : `${size} came`}`,
  );
}

/**
 * A manifest, index or config, whole and verified.
 *
 * @throws MANIFEST_INVALID when it claims more than the 4 MiB that are read; BLOB_NOT_FOUND, DIGEST_MISMATCH,
 *   SIZE_MISMATCH, TRANSFER_DAMAGED
 */
export async function readDocument(
  target: Pick<Target, 'name' | 'open' | 'origin'>,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (descriptor.size > MAX_DOCUMENT_BYTES) {
    throw new DogwoodError(
      'MANIFEST_INVALID',
      `${descriptor.digest} in ${target.name} claims ${descriptor.size} bytes; at most ${MAX_DOCUMENT_BYTES} are read`,
    );
  }
  return await againWhenDamaged(target, async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await target.open(descriptor, { verify: true, signal })) {
      chunks.push(chunk as Uint8Array);
    }
    return Buffer.concat(chunks);
  });
}

/** A blob or manifest that is not where it should be. */
export function notFound(descriptor: Pick<Descriptor, 'digest'>, where: string): DogwoodError {
  return new DogwoodError('BLOB_NOT_FOUND', `${descriptor.digest} is not in ${where}`);
}
