import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Content } from '../../src/oci/content.ts';
import { type CopyEvent, copy } from '../../src/oci/copy.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import type { Target } from '../../src/oci/target.ts';
import { putBytes, putJson, putSmallImage, putSmallIndex, TYPES } from '../helpers/small-image.ts';

const PLATFORMS = [parsePlatform('linux/amd64'), parsePlatform('linux/arm64')];

/** The target, with what it was asked written down in order. */
function recorded(target: Target): {
  target: Target;
  puts: Descriptor[];
  tags: string[];
  atOnce: () => number;
} {
  const puts: Descriptor[] = [];
  const tags: string[] = [];
  let running = 0;
  let most = 0;
  return {
    puts,
    tags,
    atOnce: () => most,
    target: {
      ...target,
      async put(content, expected, options) {
        running++;
        most = Math.max(most, running);
        const result = await target.put(content, expected, options);
        running--;
        puts.push(result.descriptor);
        return result;
      },
      async tag(descriptor, tag) {
        tags.push(`${tag} after ${puts.length}`);
        await target.tag(descriptor, tag);
      },
    },
  };
}

describe('copy', () => {
  it('puts what a manifest names before it, and tags last', async () => {
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const to = recorded(createMemoryTarget());
    const result = await copy(from, to.target, image.descriptor, { tag: 'v1' });
    expect(to.puts.at(-1)).toEqual(image.descriptor);
    expect(to.puts).toHaveLength(4);
    expect(to.tags).toEqual(['v1 after 4']);
    expect(await to.target.resolve('v1')).toEqual(image.descriptor);
    const total = [image.descriptor, image.config, ...image.layers].reduce((sum, blob) => sum + blob.size, 0);
    expect(result).toMatchObject({ descriptor: image.descriptor, sentBytes: total, skippedBytes: 0 });
  });

  it('copies an index whole, attestations included, and shared layers once', async () => {
    const from = createMemoryTarget();
    const { descriptor, images } = await putSmallIndex(from, PLATFORMS);
    const to = recorded(createMemoryTarget());
    const result = await copy(from, to.target, descriptor);
    const digests = to.puts.map((put) => put.digest);
    expect(new Set(digests).size).toBe(digests.length);
    // Per image a layer of its own, a config and a manifest, the layer both share, the attestation's three, the index.
    expect(digests).toHaveLength(2 * 3 + 1 + 3 + 1);
    expect(digests.at(-1)).toBe(descriptor.digest);
    for (const image of images) {
      const manifest = digests.indexOf(image.descriptor.digest);
      for (const part of [image.config, ...image.layers]) {
        expect(digests.indexOf(part.digest)).toBeLessThan(manifest);
      }
    }
    expect(result.blobs).toHaveLength(11);
  });

  it('copies one platform of an index', async () => {
    const from = createMemoryTarget();
    const { descriptor, images } = await putSmallIndex(from, PLATFORMS);
    const to = createMemoryTarget();
    const result = await copy(from, to, descriptor, { platform: parsePlatform('linux/arm64'), tag: 'arm' });
    expect(result.descriptor.digest).toBe(images[1]?.descriptor.digest);
    expect((await to.resolve('arm'))?.digest).toBe(images[1]?.descriptor.digest);
    expect(await to.has(descriptor)).toBe(false);
  });

  it('sends nothing the second time, and opens nothing', async () => {
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const to = createMemoryTarget();
    await copy(from, to, image.descriptor);
    const opened: string[] = [];
    const watched: Target = {
      ...from,
      open: (descriptor, options) => {
        opened.push(descriptor.mediaType);
        return from.open(descriptor, options);
      },
    };
    const again = await copy(watched, to, image.descriptor);
    expect(again.sentBytes).toBe(0);
    expect(again.blobs.every((blob) => blob.outcome === 'existing')).toBe(true);
    expect(opened).toEqual([TYPES.manifest]);
  });

  it('has at most as many blobs on their way as it was told', async () => {
    const from = createMemoryTarget();
    const tars = Array.from({ length: 12 }, (_, i) => Buffer.alloc(1024, i));
    const image = await putSmallImage(from, { layers: tars, compression: 'tar' });
    for (const concurrency of [1, 3]) {
      const to = recorded(createMemoryTarget());
      await copy(from, to.target, image.descriptor, { concurrency });
      expect(to.atOnce()).toBe(concurrency);
    }
  });

  it('tells a registry where a blob could be mounted from', async () => {
    const memory = createMemoryTarget();
    const image = await putSmallImage(memory);
    const origin = { registry: 'r.example', repository: 'app' };
    const from: Target = { ...memory, origin: () => origin };
    const contents: Content[] = [];
    const sink = createMemoryTarget();
    const to: Target = {
      ...sink,
      put: (content, expected, options) => {
        contents.push(content);
        return sink.put(content, expected, options);
      },
    };
    await copy(from, to, image.descriptor);
    expect(contents.map((content) => content.origins)).toEqual(contents.map(() => [origin]));
  });

  it('leaves out layers that may not be passed on, and never asks for them', async () => {
    const from = createMemoryTarget();
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 10,
      urls: ['http://169.254.169.254/'],
    };
    const image = await putSmallImage(from, { manifest: { layers: [foreign] } });
    const result = await copy(from, createMemoryTarget(), image.descriptor);
    expect(result.blobs.filter((blob) => blob.outcome === 'foreign')).toHaveLength(1);
  });

  it('refuses bytes that are not what the manifest says, and names nothing then', async () => {
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const damaged: Target = {
      ...from,
      async open(descriptor, options) {
        if (descriptor.digest !== image.layers[0]?.digest) return await from.open(descriptor, options);
        return Readable.from([Buffer.alloc(descriptor.size)], { objectMode: false });
      },
    };
    const to = createMemoryTarget();
    await expect(copy(damaged, to, image.descriptor, { tag: 'v1' })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(await to.has(image.descriptor)).toBe(false);
    expect(await to.resolve('v1')).toBeUndefined();
  });

  describe('from a registry', () => {
    /** As from a registry: the first layer comes with these in place of its bytes, one after the other. */
    async function damagedIn(turns: readonly number[]) {
      const from = createMemoryTarget();
      const image = await putSmallImage(from);
      const left = [...turns];
      const damaged: Target = {
        ...from,
        origin: () => ({ registry: 'registry.example', repository: 'app' }),
        async open(descriptor, options) {
          const fill = descriptor.digest === image.layers[0]?.digest ? left.shift() : undefined;
          if (fill === undefined) return await from.open(descriptor, options);
          return Readable.from([Buffer.alloc(descriptor.size, fill)], { objectMode: false });
        },
      };
      return { damaged, image, left };
    }

    it('asks again for what was damaged on its way', async () => {
      const { damaged, image } = await damagedIn([1]);
      const to = createMemoryTarget();
      await copy(damaged, to, image.descriptor);
      expect(await to.has(image.descriptor)).toBe(true);
    });

    it.each([
      ['the same wrong bytes twice are what it holds', [1, 1], 'DIGEST_MISMATCH'],
      ['other wrong bytes are damage on the way, which may pass', [1, 2], 'TRANSFER_DAMAGED'],
    ])('%s', async (_what, turns, code) => {
      const { damaged, image, left } = await damagedIn([...turns, 3]);
      await expect(copy(damaged, createMemoryTarget(), image.descriptor)).rejects.toMatchObject({ code });
      expect(left).toEqual([3]);
    });
  });

  it('fails with what failed first, when nothing runs any more', async () => {
    const from = createMemoryTarget();
    const { descriptor, images } = await putSmallIndex(from, PLATFORMS);
    let running = 0;
    const broken: Target = {
      ...from,
      async open(blob, options) {
        if (blob.digest !== images[1]?.layers[1]?.digest) return await from.open(blob, options);
        throw new Error('the first failure');
      },
    };
    const sink = createMemoryTarget();
    const to: Target = {
      ...sink,
      async put(content, expected, options) {
        running++;
        try {
          return await sink.put(content, expected, options);
        } finally {
          running--;
        }
      },
    };
    await expect(copy(broken, to, descriptor)).rejects.toThrow('the first failure');
    expect(running).toBe(0);
    expect(await sink.has(descriptor)).toBe(false);
  });

  it('stops with the reason it was stopped for', async () => {
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const abort = new AbortController();
    const onEvent = (event: CopyEvent): void => {
      if (event.type === 'done') abort.abort(new DOMException('too slow', 'TimeoutError'));
    };
    const to = createMemoryTarget();
    await expect(copy(from, to, image.descriptor, { signal: abort.signal, onEvent })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(await to.has(image.descriptor)).toBe(false);
  });

  it('reports each blob found, its bytes, and how it ended', async () => {
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const events: CopyEvent[] = [];
    await copy(from, createMemoryTarget(), image.descriptor, {
      tag: 'x',
      onEvent: (event) => events.push(event),
    });
    for (const blob of [image.descriptor, image.config, ...image.layers]) {
      const own = events.filter(
        (event) => event.descriptor.digest === blob.digest && event.type !== 'tagged',
      );
      expect(own[0]?.type).toBe('found');
      expect(own.at(-1)).toMatchObject({ type: 'done', outcome: 'sent' });
      const bytes = own.reduce((sum, event) => sum + (event.type === 'bytes' ? event.count : 0), 0);
      expect(bytes).toBe(blob.size);
    }
    expect(events.at(-1)).toMatchObject({ type: 'tagged', tag: 'x' });
  });

  it('copies artifacts too', async () => {
    const from = createMemoryTarget();
    const config = await putBytes(from, '{}', 'application/vnd.oci.empty.v1+json');
    const layer = await putBytes(from, 'sbom', 'application/spdx+json');
    const manifest = {
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      artifactType: 'x/y',
      config,
      layers: [layer],
    };
    const descriptor = await putJson(from, manifest, TYPES.manifest);
    const to = createMemoryTarget();
    await copy(from, to, descriptor);
    expect(await to.has(layer)).toBe(true);
  });
});
