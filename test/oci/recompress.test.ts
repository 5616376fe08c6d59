import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { loadImage } from '../../src/oci/load.ts';
import { recompress } from '../../src/oci/recompress.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import type { OpenOptions } from '../../src/oci/target.ts';
import { putSmallImage, tarOf } from '../helpers/small-image.ts';

describe('recompress', () => {
  it('stops at the first layer that fails: nothing runs on, and the rest is never begun', async () => {
    const source = createMemoryTarget();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const layers = await Promise.all(names.map((name) => tarOf({ [name]: name })));
    const { descriptor, layers: stored } = await putSmallImage(source, { layers });
    const opened: string[] = [];
    const image = await loadImage(
      {
        ...source,
        async open(wanted: Descriptor, options: OpenOptions = {}) {
          opened.push(wanted.digest);
          if (wanted.digest === stored[0]?.digest) throw new Error('a broken layer');
          return await source.open(wanted, options);
        },
      },
      descriptor,
    );
    opened.length = 0;
    const into = createMemoryTarget();
    let running = 0;
    const counted = {
      ...into,
      put: async (...all: Parameters<typeof into.put>) => {
        running++;
        return await into.put(...all).finally(() => {
          running--;
        });
      },
    };
    await expect(recompress(image, 'zstd', counted)).rejects.toThrow('a broken layer');
    expect(running).toBe(0);
    expect(opened.length).toBeLessThan(names.length);
  });
});
