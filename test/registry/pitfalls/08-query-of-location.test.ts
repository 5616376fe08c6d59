import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './client.ts';

/** Every new Location has a `_state` of its own, with %2F, %2B and %3D in it. */
it.each([undefined, 'absolute', 'relative'] as const)(
  'the query of a Location comes back to the letter (%s)',
  async (location) => {
    const registry = await quirkRegistry({ quirks: { p08: true, ...(location && { location }) } });
    const target = targetAt(registry);
    const { descriptor, bytes } = randomBlob();
    expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    // The one that is opened, then the one that its PATCH gave.
    const unknown = randomBlob();
    const { mediaType } = unknown.descriptor;
    expect((await target.put(bytesContent(unknown.bytes), { mediaType })).descriptor).toEqual(
      unknown.descriptor,
    );
    expect(registry.repository('team/app').blobs.size).toBe(2);
    expect(registry.requests.filter(({ status }) => (status ?? 0) >= 400 && status !== 404)).toEqual([]);
  },
);
