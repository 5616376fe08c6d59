import { createHash, type Hash } from 'node:crypto';
import { DogwoodError } from '../errors.ts';

declare const brand: unique symbol;

/** `sha256:<64 hex>` or `sha512:<128 hex>`, checked when it entered the program (image-spec descriptor.md, digests). */
export type Digest = string & { readonly [brand]: 'Digest' };

export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The text as a digest; throws DIGEST_INVALID. Every digest passes here before it is part of a path or URL. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new DogwoodError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 160))}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hexadecimal half. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The SHA-256 digest of some bytes. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** Counts and hashes bytes as they pass. `digest()` ends it. */
export interface Digester {
  update(bytes: Uint8Array): void;
  readonly size: number;
  digest(): Digest;
  /** Another one in the same state: whoever reads the bytes again from here on need not read what came before. */
  copy(): Digester;
}

export function createDigester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  return digesterFrom(algorithm, createHash(algorithm), 0);
}

function digesterFrom(algorithm: DigestAlgorithm, hash: Hash, passed: number): Digester {
  let size = passed;
  return {
    update(bytes) {
      size += bytes.length;
      hash.update(bytes);
    },
    get size() {
      return size;
    },
    digest: () => `${algorithm}:${hash.digest('hex')}` as Digest,
    copy: () => digesterFrom(algorithm, hash.copy(), size),
  };
}
