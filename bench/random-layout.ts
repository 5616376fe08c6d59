import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(4 * 1024 * 1024);

/** An OCI layout with one layer of so many random bytes (as nothing but a layer's bytes matter to a push), tag `v1`. */
export async function writeRandomLayout(folder: string, bytes: number): Promise<void> {
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (content: string) => {
    const hex = createHash('sha256').update(content).digest('hex');
    await writeFile(join(blobs, hex), content);
    return { digest: `sha256:${hex}`, size: content.length };
  };
  const hash = createHash('sha256');
  const random = createCipheriv('aes-256-ctr', randomBytes(32), Buffer.alloc(16));
  const file = await open(join(folder, 'layer'), 'w');
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    const chunk = random.update(CHUNK.subarray(0, Math.min(left, CHUNK.length)));
    hash.update(chunk);
    await file.write(chunk);
  }
  await file.close();
  const hex = hash.digest('hex');
  await rename(join(folder, 'layer'), join(blobs, hex));
  const digest = `sha256:${hex}`;
  const config = await put(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } }),
  );
  const kind = 'application/vnd.oci.image';
  const manifest = await put(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${kind}.manifest.v1+json`,
      config: { mediaType: `${kind}.config.v1+json`, ...config },
      layers: [{ mediaType: `${kind}.layer.v1.tar`, digest, size: bytes }],
    }),
  );
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: `${kind}.manifest.v1+json`,
          ...manifest,
          annotations: { 'org.opencontainers.image.ref.name': 'v1' },
        },
      ],
    }),
  );
}
