/** What a registry holds, asked of it directly and read by nothing of ours. */
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { sha256, TYPES } from '../../helpers/small-image.ts';
import type { FaultImage } from './image.ts';

const ACCEPT = [TYPES.index, TYPES.manifest].join(', ');

export interface Held {
  /** Blobs and documents that are there, each read back and hashed. */
  readonly there: readonly Descriptor[];
  /** Bytes of the blobs that are not. */
  readonly missingBytes: number;
  /** What the tag names. */
  readonly tagged: string | undefined;
}

/**
 * @param url of the repository, `http://HOST/v2/NAME`
 * @throws where something that the registry holds is not what its name says
 */
export async function lookAt(url: string, image: FaultImage, tag: string): Promise<Held> {
  const there: Descriptor[] = [];
  for (const blob of image.blobs) if (await holds(`${url}/blobs`, blob)) there.push(blob);
  for (const document of image.documents) if (await holds(`${url}/manifests`, document)) there.push(document);
  const named = await fetch(`${url}/manifests/${tag}`, { headers: { accept: ACCEPT } });
  const body = Buffer.from(await named.arrayBuffer());
  const missing = image.blobs.filter((blob) => !there.includes(blob));
  return {
    there,
    missingBytes: missing.reduce((sum, { size }) => sum + size, 0),
    tagged: named.ok ? sha256(body) : undefined,
  };
}

async function holds(place: string, { digest, size }: Descriptor): Promise<boolean> {
  const response = await fetch(`${place}/${digest}`, { headers: { accept: ACCEPT } });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status === 404) return false;
  if (!response.ok)
    throw new Error(`${digest}: the registry answers ${response.status} ${bytes.toString('utf8')}`);
  if (sha256(bytes) !== digest || bytes.length !== size) {
    throw new Error(`${digest}: the registry holds ${bytes.length} bytes that are ${sha256(bytes)}`);
  }
  return true;
}
