import { Readable } from 'node:stream';
import { bytesContent } from '../../../src/oci/content.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import type { Seeded } from '../../helpers/seeded.ts';
import { describeBytes, TYPES } from '../../helpers/small-image.ts';

/** An image, or an index over two, that a seed decides. */
export interface FaultImage {
  readonly source: Target;
  readonly root: Descriptor;
  /** Layers and configs. */
  readonly blobs: readonly Descriptor[];
  /** Manifests and index, what others name first. */
  readonly documents: readonly Descriptor[];
}

/** As much as a file gives at once. */
const CHUNK = 16 * 1024;

export async function drawImage(chance: Seeded): Promise<FaultImage> {
  const memory = createMemoryTarget('the image');
  const blobs: Descriptor[] = [];
  const documents: Descriptor[] = [];
  const put = async (into: Descriptor[], bytes: Buffer | string, mediaType: string) => {
    const descriptor = describeBytes(bytes, mediaType);
    await memory.put(bytesContent(Buffer.from(bytes as string)), descriptor);
    if (!into.some(({ digest }) => digest === descriptor.digest)) into.push(descriptor);
    return descriptor;
  };
  // Shared by the images of an index.
  const base = await put(blobs, chance.bytes(chance.between(20_000, 200_000)), TYPES.gzip);
  const manifest = async (architecture: string): Promise<Descriptor> => {
    const layers = [base];
    const count = chance.between(1, 3);
    for (let i = 0; i < count; i += 1) {
      layers.push(await put(blobs, chance.bytes(chance.between(100, 300_000)), TYPES.gzip));
    }
    const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
    const config = await put(blobs, JSON.stringify({ os: 'linux', architecture, rootfs }), TYPES.config);
    const document = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers };
    return await put(documents, JSON.stringify(document), TYPES.manifest);
  };
  let root = await manifest('amd64');
  if (chance.chance(0.3)) {
    const manifests = [root, await manifest('arm64')];
    const index = { schemaVersion: 2, mediaType: TYPES.index, manifests };
    root = await put(documents, JSON.stringify(index), TYPES.index);
  }
  const open: Target['open'] = async (descriptor, options) => {
    const bytes = Buffer.concat(await (await memory.open(descriptor, options)).toArray());
    return Readable.from(cutUp(bytes), { objectMode: false });
  };
  return { source: { ...memory, open }, root, blobs, documents };
}

function* cutUp(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield Buffer.from(bytes.subarray(at, at + CHUNK));
}
