import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './client.ts';

it('a stream that is answered with 201 is not complete: its digest is still to be named', async () => {
  const registry = await quirkRegistry({ quirks: { p04: 'stale-range' } });
  const { descriptor, bytes } = randomBlob(100_000);
  const { mediaType } = descriptor;
  const result = await targetAt(registry).put(bytesContent(bytes), { mediaType });
  expect(result).toEqual({ descriptor, outcome: 'sent' });
  expect(registry.repository('team/app').blobs.get(descriptor.digest)).toHaveLength(bytes.length);
});

it.each(['stale-range', 'discards'] as const)(
  'chunks that lead nowhere are given up for one request (%s)',
  async (p04) => {
    // In one request it breaks twice, which is why chunks are tried at all.
    const quirks = { p04, cutUpload: { at: 1_000_000, times: 2 } };
    const registry = await quirkRegistry({ quirks });
    const { descriptor, bytes } = randomBlob(20 * 1024 * 1024);
    expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    expect(registry.repository('team/app').blobs.get(descriptor.digest)).toHaveLength(bytes.length);
    const chunks = registry.requests.filter(({ method }) => method === 'PATCH');
    expect(chunks.length).toBeGreaterThan(1);
    expect(registry.requests.at(-1)).toMatchObject({ method: 'PUT', receivedBytes: bytes.length });
    expect(registry.sessions.size).toBe(0);
  },
);
