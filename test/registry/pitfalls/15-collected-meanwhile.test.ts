import { expect, it } from 'vitest';
import { copy } from '../../../src/oci/copy.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { targetAt } from './client.ts';

it.each(['named', 'unnamed', 'blob-unknown'] as const)(
  'what was collected between HEAD and the manifest is sent once more (%s)',
  async (p15) => {
    const registry = await quirkRegistry({ quirks: { p15 } });
    const memory = createMemoryTarget();
    const { descriptor, layers, config } = await putSmallImage(memory);
    await putSmallImage(registry.target('team/app'));
    registry.repository('team/app').manifests.clear();
    const result = await copy(memory, targetAt(registry), descriptor, { tag: 'v1', sleep: async () => {} });
    expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
    const blobs = [...layers, config];
    for (const { digest } of blobs) expect(registry.repository('team/app').blobs.has(digest)).toBe(true);
    expect(registry.receivedBytes()).toBe(blobs.reduce((sum, { size }) => sum + size, 0));
    expect(result.descriptor).toEqual(descriptor);
  },
);

it('a registry that never has what it was given is given up', async () => {
  const registry = await quirkRegistry({ quirks: { p15: 'named' } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  const { blobs } = registry.repository('team/app');
  // It forgets at once whatever comes in.
  blobs.set = () => blobs;
  const copied = copy(memory, targetAt(registry), descriptor, { tag: 'v1', sleep: async () => {} });
  await expect(copied).rejects.toMatchObject({ code: 'CONTENT_LOST' });
});
