import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import type { Descriptor } from '../descriptor.ts';
import { createDigester, type Digester, digestAlgorithm } from '../digest.ts';
import { MAX_DOCUMENT_BYTES } from '../documents.ts';
import type { Target } from '../target.ts';
import type { Violation } from './violation.ts';

/** The bytes as they are, unchecked; undefined when the target does not have them. Other failures are no violations. */
export async function openUnchecked(
  target: Target,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Readable | undefined> {
  try {
    return await target.open(descriptor, { verify: false, signal });
  } catch (error) {
    if (error instanceof DogwoodError && error.code === 'BLOB_NOT_FOUND') return undefined;
    throw error;
  }
}

export function missing(target: Target, descriptor: Descriptor, where: string): Violation {
  return { code: 'BLOB_MISSING', where, message: `${descriptor.digest} is not in ${target.name}` };
}

/** What size and digest of the bytes say about their descriptor. */
export function identityViolations(descriptor: Descriptor, digester: Digester, where: string): Violation[] {
  const violations: Violation[] = [];
  const { size } = digester;
  if (size !== descriptor.size) {
    violations.push({
      code: 'SIZE_WRONG',
      where,
      message: `stated ${descriptor.size} bytes, it has ${size}`,
    });
  }
  const digest = digester.digest();
  if (digest !== descriptor.digest) {
    violations.push({
      code: 'DIGEST_WRONG',
      where,
      message: `stated ${descriptor.digest}, the bytes are ${digest}`,
    });
  }
  return violations;
}

/** image-spec descriptor.md: `data` is the content itself. */
export function dataViolations(descriptor: Descriptor, where: string): Violation[] {
  if (descriptor.data === undefined) return [];
  const bytes = Buffer.from(descriptor.data, 'base64');
  const digester = createDigester(digestAlgorithm(descriptor.digest));
  digester.update(bytes);
  const isRight = bytes.toString('base64') === descriptor.data && digester.digest() === descriptor.digest;
  if (isRight) return [];
  return [{ code: 'DATA_WRONG', where, message: 'the embedded data is not the content of that digest' }];
}

export interface ReadDocument {
  readonly bytes: Uint8Array | undefined;
  readonly violations: readonly Violation[];
}

/** A manifest, index or config, whole, and whether it is what its descriptor says. */
export async function readUnchecked(
  target: Target,
  descriptor: Descriptor,
  where: string,
  signal?: AbortSignal,
): Promise<ReadDocument> {
  const stream = await openUnchecked(target, descriptor, signal);
  if (stream === undefined) return { bytes: undefined, violations: [missing(target, descriptor, where)] };
  const digester = createDigester(digestAlgorithm(descriptor.digest));
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    digester.update(chunk);
    chunks.push(chunk);
    if (digester.size > MAX_DOCUMENT_BYTES) {
      const message = `it has more than the ${MAX_DOCUMENT_BYTES} bytes that are read of a document`;
      return { bytes: undefined, violations: [{ code: 'DOCUMENT_INVALID', where, message }] };
    }
  }
  const violations = [
    ...dataViolations(descriptor, where),
    ...identityViolations(descriptor, digester, where),
  ];
  return { bytes: Buffer.concat(chunks), violations };
}

/** A blob whose content means nothing to us: only its identity is checked. */
export async function checkOpaque(
  target: Target,
  descriptor: Descriptor,
  where: string,
  signal?: AbortSignal,
): Promise<Violation[]> {
  const stream = await openUnchecked(target, descriptor, signal);
  if (stream === undefined) return [missing(target, descriptor, where)];
  const digester = createDigester(digestAlgorithm(descriptor.digest));
  for await (const chunk of stream as AsyncIterable<Uint8Array>) digester.update(chunk);
  return [...dataViolations(descriptor, where), ...identityViolations(descriptor, digester, where)];
}
