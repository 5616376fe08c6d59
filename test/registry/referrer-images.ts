import { bytesContent } from '../../src/oci/content.ts';
import { copy } from '../../src/oci/copy.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import type { Target } from '../../src/oci/target.ts';
import { describeBytes, putBytes, putSmallImage, TYPES } from '../helpers/small-image.ts';

export interface Referrer {
  readonly descriptor: Descriptor;
  /** As a list of referrers has it. */
  readonly entry: Descriptor;
  /** Copies it, with what it is made of. */
  send(to: Target): Promise<void>;
}

/** An artifact that refers to a manifest; not in a registry yet. */
export async function makeReferrer(subject: Descriptor, artifactType: string): Promise<Referrer> {
  const memory = createMemoryTarget();
  const config = await putBytes(memory, '{}', 'application/vnd.oci.empty.v1+json');
  const layers = [await putBytes(memory, artifactType, 'text/plain')];
  const annotations = { 'org.example.of': artifactType };
  const { mediaType, digest, size } = subject;
  const document = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    artifactType,
    config,
    layers,
    subject: { mediaType, digest, size },
    annotations,
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const descriptor = describeBytes(bytes, TYPES.manifest);
  await memory.put(bytesContent(bytes), descriptor);
  return {
    descriptor,
    entry: { ...descriptor, artifactType, annotations },
    send: async (to) => void (await copy(memory, to, descriptor)),
  };
}

/** An image that is in a registry, by a request or past all of them. */
export async function putSubject(target: Target): Promise<Descriptor> {
  const { descriptor } = await putSmallImage(target);
  await target.tag(descriptor, 'v1');
  return descriptor;
}
