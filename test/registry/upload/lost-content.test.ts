import { expect, it } from 'vitest';
import { type CopyEvent, copy } from '../../../src/oci/copy.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { trackedSink } from '../../../src/pipeline/delivery/tracked-sink.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage, putSmallIndex } from '../../helpers/small-image.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
];

const sleeper = () => {
  const slept: number[] = [];
  return { slept, sleep: async (milliseconds: number) => void slept.push(milliseconds) };
};

/** An image, or an index of two, whose blobs lie in the registry already, and are collected when the manifest comes. */
async function collected(p15: 'named' | 'unnamed' | 'blob-unknown', kind: 'image' | 'index') {
  const memory = createMemoryTarget();
  const put = async (target: Target) =>
    kind === 'image' ? await putSmallImage(target) : await putSmallIndex(target, PLATFORMS);
  const { descriptor } = await put(memory);
  const registry = await quirkRegistry({ quirks: { p15 } });
  await put(registry.target('team/app'));
  registry.repository('team/app').manifests.clear();
  return { memory, descriptor, registry };
}

it.each([
  ['named', 'image'],
  ['unnamed', 'image'],
  ['blob-unknown', 'image'],
  ['named', 'index'],
  ['unnamed', 'index'],
] as const)(
  'blobs that a collector takes before the manifest comes are put again (%s, %s)',
  async (p15, kind) => {
    const { memory, descriptor, registry } = await collected(p15, kind);
    const sink = trackedSink(targetAt(registry));
    const events: CopyEvent[] = [];
    const { sleep, slept } = sleeper();
    const onEvent = (event: CopyEvent) => void events.push(event);
    const result = await copy(memory, sink.target, descriptor, { tag: 'v1', sleep, onEvent });
    expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
    expect(slept).toEqual([]);
    // Each is counted once, as what became of it in the end.
    const done = events.filter(({ type }) => type === 'done').map((event) => event.descriptor.digest);
    expect(new Set(done).size).toBe(done.length);
    expect(result.blobs).toHaveLength(done.length);
    expect(result.sentBytes).toBe(sink.counts().uploadedBytes);
    expect(result.blobs.some(({ descriptor, outcome }) => outcome === 'sent' && descriptor.size < 400)).toBe(
      true,
    );
  },
);

it('an image of an index that is gone when the index comes is put again, with what it names', async () => {
  const memory = createMemoryTarget();
  const { descriptor, images } = await putSmallIndex(memory, PLATFORMS);
  const registry = await quirkRegistry();
  const target = targetAt(registry);
  let taken = 0;
  const collecting: Target = {
    ...target,
    put: async (content, expected, options) => {
      if (expected.digest === descriptor.digest && taken++ === 0) {
        const [image] = images;
        registry.repository('team/app').manifests.delete(image?.descriptor.digest ?? '');
        registry.repository('team/app').blobs.delete(image?.layers[1]?.digest ?? '');
      }
      return await target.put(content, expected, options);
    },
  };
  await copy(memory, collecting, descriptor, { tag: 'v1', ...sleeper() });
  expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
  expect(registry.repository('team/app').manifests.size).toBe(4);
});

it('what is lost again and again is given up, with more patience each time, and worth another run', async () => {
  const memory = createMemoryTarget();
  const { descriptor, layers } = await putSmallImage(memory);
  const registry = await quirkRegistry();
  const target = targetAt(registry);
  const losing: Target = {
    ...target,
    put: async (content, expected, options) => {
      if (expected.digest === descriptor.digest) {
        registry.repository('team/app').blobs.delete(layers[0]?.digest ?? '');
      }
      return await target.put(content, expected, options);
    },
  };
  const { sleep, slept } = sleeper();
  const failure = await copy(memory, losing, descriptor, { tag: 'v1', sleep }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: 'CONTENT_LOST',
    message: expect.stringContaining('MANIFEST_BLOB_UNKNOWN'),
  });
  expect(slept).toEqual([500, 1000, 2000]);
});

it('what was sent as it was made and is lost is nowhere else: the build has to run again', async () => {
  const memory = createMemoryTarget();
  const { descriptor, layers } = await putSmallImage(memory);
  const registry = await quirkRegistry();
  const lost = layers[0]?.digest;
  const from: Target = {
    ...memory,
    open: (blob, options) =>
      blob.digest === lost ? targetAt(registry).open(blob, options) : memory.open(blob, options),
  };
  const target = targetAt(registry);
  const to: Target = {
    ...target,
    put: async (content, expected, options) =>
      expected.digest === lost && options?.again !== true
        ? { descriptor: { ...expected, digest: lost as never, size: 1 }, outcome: 'existing' }
        : await target.put(content, expected, options),
  };
  await expect(copy(from, to, descriptor, sleeper())).rejects.toMatchObject({ code: 'CONTENT_LOST' });
});

it('what a run believes to be there is believed no longer when the registry misses it', async () => {
  const memory = createMemoryTarget();
  const { descriptor, layers } = await putSmallImage(memory);
  const registry = await quirkRegistry();
  const client = realClient();
  await copy(memory, targetAt(registry, 'team/app', client), descriptor);
  const { blobs, manifests } = registry.repository('team/app');
  blobs.delete(layers[0]?.digest ?? '');
  manifests.clear();
  await copy(memory, targetAt(registry, 'team/app', client), descriptor, { tag: 'v1', ...sleeper() });
  expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
  expect(blobs.has(layers[0]?.digest ?? '')).toBe(true);
});
