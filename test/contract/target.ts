import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { bytesContent, type Content } from '../../src/oci/content.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-types.ts';
import type { Target } from '../../src/oci/target.ts';

const LAYER = MEDIA_TYPES.ociLayerGzip;

/** A descriptor and its bytes. */
export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export function blobOf(bytes: Uint8Array | string, mediaType: string = LAYER): Blob {
  const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  return { descriptor: { mediaType, digest: digestOf(content), size: content.length }, bytes: content };
}

export function randomBlob(size = 3000, mediaType: string = LAYER): Blob {
  return blobOf(randomBytes(size), mediaType);
}

/** A small image whose blobs are in the target already; its manifest is not. */
export async function putImageParts(target: Target): Promise<Blob> {
  const layer = randomBlob();
  const config = blobOf(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
    }),
    MEDIA_TYPES.ociConfig,
  );
  for (const blob of [layer, config]) await target.put(bytesContent(blob.bytes), blob.descriptor);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
  };
  return blobOf(JSON.stringify(manifest), MEDIA_TYPES.ociManifest);
}

/** What every target must do, whatever keeps its bytes. `makeTarget` gives an empty one for each test. */
export function targetContract(name: string, makeTarget: () => Promise<Target>): void {
  describe(`${name}, as every target`, () => {
    it('gives back what it took in', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob(300_000);
      expect(await target.has(descriptor)).toBe(false);
      const result = await target.put(bytesContent(bytes), descriptor);
      expect(result).toEqual({ descriptor, outcome: 'sent' });
      expect(await target.has(descriptor)).toBe(true);
      expect(Buffer.compare(await readAll(target, descriptor), bytes)).toBe(0);
      expect(Buffer.compare(await buffer(await target.open(descriptor, { verify: false })), bytes)).toBe(0);
    });

    it('gives a blob from a byte on', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob(300_000);
      await target.put(bytesContent(bytes), descriptor);
      for (const offset of [1, 299_999]) {
        const rest = await buffer(await target.open(descriptor, { offset }));
        expect(Buffer.compare(rest, bytes.subarray(offset))).toBe(0);
      }
    });

    it('takes an empty blob', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = blobOf('');
      await target.put(bytesContent(bytes), descriptor);
      expect(await target.has(descriptor)).toBe(true);
      expect(await readAll(target, descriptor)).toHaveLength(0);
    });

    it('learns digest and size of a stream while it passes', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob(200_000);
      let counted = 0;
      const content: Content = { open: async () => chunked(bytes, 7001), reopenable: false };
      const onBytes = (count: number): void => {
        counted += count;
      };
      const result = await target.put(content, { mediaType: LAYER }, { onBytes });
      expect(result.descriptor).toEqual(descriptor);
      expect(counted).toBe(bytes.length);
      expect(await target.has(descriptor)).toBe(true);
    });

    it('does not open content that is there already', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob();
      await target.put(bytesContent(bytes), descriptor);
      const content: Content = {
        open: () => Promise.reject(new Error('opened')),
        reopenable: true,
      };
      expect(await target.put(content, descriptor)).toEqual({ descriptor, outcome: 'existing' });
    });

    it.each([
      ['other bytes', 'DIGEST_MISMATCH', (bytes: Uint8Array) => Buffer.from(bytes).reverse()],
      ['too few bytes', 'SIZE_MISMATCH', (bytes: Uint8Array) => bytes.subarray(1)],
      ['too many bytes', 'SIZE_MISMATCH', (bytes: Uint8Array) => Buffer.concat([bytes, bytes])],
    ])('refuses %s and keeps nothing of them', async (_what, code, damage) => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob();
      const damaged = damage(bytes);
      const content: Content = { open: async () => chunked(damaged, 512), reopenable: true };
      await expect(target.put(content, descriptor)).rejects.toMatchObject({ code });
      expect(await target.has(descriptor)).toBe(false);
      expect(await target.has(blobOf(damaged).descriptor)).toBe(false);
      await target.put(bytesContent(bytes), descriptor);
      expect(await target.has(descriptor)).toBe(true);
    });

    it('passes on what the content failed with, and keeps nothing', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob();
      const content: Content = {
        reopenable: false,
        open: async () =>
          Readable.from(
            (async function* () {
              yield bytes.subarray(0, 100);
              throw new Error('the source broke');
            })(),
            { objectMode: false },
          ),
      };
      await expect(target.put(content, descriptor)).rejects.toThrow('the source broke');
      expect(await target.has(descriptor)).toBe(false);
    });

    it('takes the same blob from several senders at once', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob(100_000);
      const content: Content = { open: async () => chunked(bytes, 10_000), reopenable: true };
      await Promise.all([1, 2, 3, 4].map(() => target.put(content, descriptor)));
      expect(Buffer.compare(await readAll(target, descriptor), bytes)).toBe(0);
    });

    it('says when a blob is not there', async () => {
      const target = await makeTarget();
      const { descriptor } = randomBlob();
      await expect(readAll(target, descriptor)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    });

    it('fails the stream of a blob that is not the size it was said to be', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob();
      await target.put(bytesContent(bytes), descriptor);
      const other = { ...descriptor, size: descriptor.size + 1 };
      expect(await target.has(other)).toBe(false);
      await expect(readAll(target, other)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    });

    it('stops when asked to', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = randomBlob();
      const abort = new AbortController();
      const content: Content = {
        reopenable: false,
        open: async () =>
          Readable.from(
            (async function* () {
              yield bytes.subarray(0, 100);
              abort.abort();
              yield bytes.subarray(100);
            })(),
            { objectMode: false },
          ),
      };
      await expect(target.put(content, descriptor, { signal: abort.signal })).rejects.toMatchObject({
        name: expect.stringMatching(/AbortError|DogwoodError/),
      });
      expect(await target.has(descriptor)).toBe(false);
    });

    it('resolves tags and digests to manifests', async () => {
      const target = await makeTarget();
      const { descriptor, bytes } = await putImageParts(target);
      expect(await target.resolve('v1')).toBeUndefined();
      expect(await target.resolve(descriptor.digest)).toBeUndefined();
      await target.put(bytesContent(bytes), descriptor);
      expect(await target.resolve(descriptor.digest)).toEqual(descriptor);
      await target.tag(descriptor, 'v1');
      expect(await target.resolve('v1')).toEqual(descriptor);
      expect(Buffer.compare(await readAll(target, descriptor), bytes)).toBe(0);
    });

    it('moves a tag', async () => {
      const target = await makeTarget();
      const first = await putImageParts(target);
      const second = await putImageParts(target);
      for (const image of [first, second]) {
        await target.put(bytesContent(image.bytes), image.descriptor);
        await target.tag(image.descriptor, 'latest');
        await target.tag(image.descriptor, 'latest');
      }
      await target.tag(first.descriptor, 'old');
      expect(await target.resolve('latest')).toEqual(second.descriptor);
      expect(await target.resolve('old')).toEqual(first.descriptor);
    });

    it('tags only what is there', async () => {
      const target = await makeTarget();
      const { descriptor } = await putImageParts(target);
      await expect(target.tag(descriptor, 'v1')).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
      expect(await target.resolve('v1')).toBeUndefined();
    });
  });
}

async function readAll(target: Target, descriptor: Descriptor): Promise<Buffer> {
  return await buffer(await target.open(descriptor));
}

function chunked(bytes: Uint8Array, size: number): Readable {
  const chunks = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(chunks, { objectMode: false });
}
