import { describe, expect, test } from 'vitest';
import { lookAtPublished } from '../../../src/builders/buildpacks/published-image.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { readDocument } from '../../../src/oci/verify.ts';
import type { BuildPlan } from '../../../src/plan/build-plan.ts';
import { putSmallImage, sha256, tarOf } from '../../helpers/small-image.ts';

const plan = { platform: { os: 'linux', architecture: 'amd64' } } as BuildPlan;
const report = (digest: string | undefined) => ({ tags: [], imageId: undefined, digest });

/** A registry with an image, and what it was asked. */
async function registry() {
  const store = createMemoryTarget('registry');
  const image = await putSmallImage(store, { layers: [await tarOf({ a: '1' }), await tarOf({ b: '2' })] });
  const asked: string[] = [];
  const sink: Target = {
    ...store,
    has: async (descriptor, signal) => {
      asked.push(`has ${descriptor.digest}`);
      return store.has(descriptor, signal);
    },
    open: async (descriptor, options) => {
      asked.push(`open ${descriptor.digest}`);
      return store.open(descriptor, options);
    },
    resolve: async (reference, signal) => {
      asked.push(`resolve ${reference}`);
      return store.resolve(reference, signal);
    },
  };
  return { image, asked, sink, look: lookAtPublished(plan, { sink, signal: new AbortController().signal }) };
}

describe('an image that pack pushed', () => {
  test('is asked for once, as soon as the exporter names it', async () => {
    const { image, asked, look } = await registry();
    const { digest } = image.descriptor;
    look.begin(digest);
    look.begin(digest);
    const found = await look.finish(report(digest));
    expect(found.image.descriptor).toEqual(image.descriptor);
    // What delivers it and what describes it read its documents again.
    await readDocument(found.from, image.descriptor);
    await readDocument(found.from, image.config);
    expect(asked.toSorted()).toEqual(
      [
        `resolve ${digest}`,
        ...[image.descriptor, image.config].map((each) => `open ${each.digest}`),
        ...[image.descriptor, image.config, ...image.layers].map((each) => `has ${each.digest}`),
      ].toSorted(),
    );
    await expect(readDocument(found.from, image.layers[0] ?? image.config)).resolves.toBeDefined();
  });

  test('is what the report says, whatever a buildpack has printed', async () => {
    const { image, sink, look } = await registry();
    const other = await putSmallImage(sink, { layers: [await tarOf({ c: '3' })] });
    look.begin('sha256:no digest');
    look.begin(other.descriptor.digest);
    const found = await look.finish(report(image.descriptor.digest));
    expect(found.image.descriptor).toEqual(image.descriptor);
  });

  test('is looked for again when it was named before it was there', async () => {
    const { image, sink } = await registry();
    const empty = createMemoryTarget('registry');
    let current: Target = empty;
    const late: Target = {
      ...empty,
      has: (...args) => current.has(...args),
      open: (...args) => current.open(...args),
      resolve: (...args) => current.resolve(...args),
    };
    const look = lookAtPublished(plan, { sink: late, signal: new AbortController().signal });
    look.begin(image.descriptor.digest);
    await new Promise(setImmediate);
    current = sink;
    const found = await look.finish(report(image.descriptor.digest));
    expect(found.image.descriptor).toEqual(image.descriptor);
  });

  test.each([undefined, 'nonsense', sha256('another') as Digest])(
    'that is not there (%s) is no result',
    async (digest) => {
      const { look } = await registry();
      await expect(look.finish(report(digest))).rejects.toMatchObject({
        code: 'ENGINE_FAILED',
        message: expect.stringMatching(/pack says that it pushed .*, which registry does not have/),
      });
    },
  );
});
