import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { bytesContent } from '../../src/oci/content.ts';
import type { Descriptor, Platform } from '../../src/oci/descriptor.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { Target } from '../../src/oci/target.ts';

export const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  tar: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

export const sha256 = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;

/** A tar with these files; made by tar-stream, so not by what is tested. */
export async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) {
    tar.entry({ name, mtime: new Date(0) }, Buffer.from(content as string));
  }
  tar.finalize();
  return await buffer(tar);
}

export function describeBytes(bytes: Uint8Array | string, mediaType: string): Descriptor {
  return { mediaType, digest: sha256(bytes), size: Buffer.byteLength(bytes) };
}

export async function putBytes(
  target: Target,
  bytes: Uint8Array | string,
  mediaType: string,
): Promise<Descriptor> {
  const descriptor = describeBytes(bytes, mediaType);
  await target.put(bytesContent(Buffer.from(bytes as string)), descriptor);
  return descriptor;
}

export async function putJson(target: Target, document: unknown, mediaType: string): Promise<Descriptor> {
  return await putBytes(target, JSON.stringify(document), mediaType);
}

export interface SmallImage {
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
}

export interface SmallImageOptions {
  /** Tars, bottom first. */
  readonly layers?: readonly Buffer[];
  readonly compression?: 'tar' | 'gzip' | 'zstd';
  readonly platform?: Platform;
  /** Over the fields of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Over the fields of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const COMPRESS = {
  tar: (bytes: Buffer) => bytes,
  gzip: (bytes: Buffer) => gzipSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
} as const;

/** Puts a valid image of two small layers into a target, without a tag. */
export async function putSmallImage(target: Target, options: SmallImageOptions = {}): Promise<SmallImage> {
  const { compression = 'gzip', platform = { os: 'linux', architecture: 'amd64' } } = options;
  const tars = options.layers ?? [
    await tarOf({ 'etc/base': 'base\n', 'etc/of': platform.architecture }),
    await tarOf({ 'app/hello': 'hello\n' }),
  ];
  const layers: Descriptor[] = [];
  for (const tar of tars) layers.push(await putBytes(target, COMPRESS[compression](tar), TYPES[compression]));
  const diffIds = tars.map(sha256);
  const config = await putJson(
    target,
    {
      created: '1970-01-01T00:00:00Z',
      ...platform,
      config: { Env: ['PATH=/bin'], WorkingDir: '/app', Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: tars.map((_, i) => ({ created: '1970-01-01T00:00:00Z', created_by: `layer ${i}` })),
      ...options.config,
    },
    TYPES.config,
  );
  const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers, ...options.manifest };
  return { descriptor: await putJson(target, manifest, TYPES.manifest), config, layers, diffIds };
}

/** Puts an index over images of several platforms, with an attestation as BuildKit hangs it in. */
export async function putSmallIndex(
  target: Target,
  platforms: readonly Platform[],
): Promise<{ descriptor: Descriptor; images: SmallImage[] }> {
  const images: SmallImage[] = [];
  for (const platform of platforms) images.push(await putSmallImage(target, { platform }));
  const statement = await putJson(
    target,
    { _type: 'https://in-toto.io/Statement/v1' },
    'application/vnd.in-toto+json',
  );
  const config = await putJson(
    target,
    { os: 'unknown', architecture: 'unknown', rootfs: { type: 'layers', diff_ids: [statement.digest] } },
    TYPES.config,
  );
  const attestation = await putJson(
    target,
    { schemaVersion: 2, mediaType: TYPES.manifest, config, layers: [statement] },
    TYPES.manifest,
  );
  const manifests = [
    ...images.map((image, i) => ({ ...image.descriptor, platform: platforms[i] })),
    { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } },
  ];
  const index = { schemaVersion: 2, mediaType: TYPES.index, manifests };
  return { descriptor: await putJson(target, index, TYPES.index), images };
}
