/**
 * OCI image layouts written by hand (image-spec 1.1, image-layout.md), by nothing of `src`: what our own code is
 * tested against must not be made by our own code.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

export interface HandMadeLayer {
  readonly mediaType: string;
  /** `sha256:...` of the file. */
  readonly digest: string;
  readonly size: number;
  /** `sha256:...` of the tar inside. */
  readonly diffId: string;
  readonly path: string;
}

export interface HandMadeImage {
  /** The layout's folder. */
  readonly layout: string;
  /** Its tag in index.json (`org.opencontainers.image.ref.name`). */
  readonly tag: string;
  /** Digest of the manifest. */
  readonly digest: string;
  readonly configDigest: string;
  readonly layers: readonly HandMadeLayer[];
}

const sha256 = (bytes: string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Digest, size and diffID of a layer file, a gzip tar (`.gz` at the end of its name) or a plain one. */
export async function measureLayer(path: string): Promise<HandMadeLayer> {
  const whole = createHash('sha256');
  const inside = createHash('sha256');
  const zipped = path.endsWith('.gz');
  let size = 0;
  const source = createReadStream(path, { highWaterMark: 1 << 20 });
  source.on('data', (chunk) => {
    whole.update(chunk);
    size += chunk.length;
  });
  await (zipped ? pipeline(source, createGunzip(), inside) : pipeline(source, inside));
  return {
    mediaType: `application/vnd.oci.image.layer.v1.tar${zipped ? '+gzip' : ''}`,
    digest: `sha256:${whole.digest('hex')}`,
    size,
    diffId: `sha256:${inside.digest('hex')}`,
    path,
  };
}

/** Writes one image as a layout. `config` is the config's own `config` object (Env, User, ...). */
export async function writeHandMadeLayout(
  layout: string,
  layers: readonly HandMadeLayer[],
  config: Readonly<Record<string, unknown>> = {},
  tag = 'latest',
): Promise<HandMadeImage> {
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  for (const layer of layers) await linkOrCopy(layer.path, join(blobs, layer.digest.slice(7)));
  const put = async (mediaType: string, document: unknown) => {
    const bytes = JSON.stringify(document);
    await writeFile(join(blobs, sha256(bytes).slice(7)), bytes);
    return { mediaType, digest: sha256(bytes), size: Buffer.byteLength(bytes) };
  };
  const configDescriptor = await put('application/vnd.oci.image.config.v1+json', {
    created: '1970-01-01T00:00:00Z',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'tests' })),
  });
  const manifest = await put('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: configDescriptor,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  });
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } }],
    }),
  );
  return { layout, tag, digest: manifest.digest, configDigest: configDescriptor.digest, layers };
}

/** A hard link where both are on one file system; 80 MB need no second copy. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  const temporary = `${to}.${process.pid}`;
  await link(from, temporary).catch(() => copyFile(from, temporary));
  await rename(temporary, to);
}
