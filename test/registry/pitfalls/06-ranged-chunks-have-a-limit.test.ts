import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './client.ts';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;

it('a chunk that is refused for its size is made smaller, and so are those after it', async () => {
  // It breaks once, and goes on where it broke.
  const registry = await quirkRegistry({ quirks: { p06: true, cutUpload: { at: MIB, keep: true } } });
  const { descriptor, bytes } = randomBlob(12 * MIB);
  expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
  const patches = registry.requests.filter(({ method }) => method === 'PATCH');
  const taken = patches.filter(({ status }) => status === 202);
  expect(taken.length).toBeGreaterThan(1);
  expect(Math.max(...taken.map(({ receivedBytes }) => receivedBytes))).toBeLessThanOrEqual(LIMIT);
  expect(patches.filter(({ status }) => status === 416)).toHaveLength(1);
  // Nothing that had come in was sent again.
  const received = taken.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  expect(received).toBe(bytes.length - MIB);
});

it('what was never broken is not sent in chunks at all', async () => {
  const registry = await quirkRegistry({ quirks: { p06: true } });
  const { descriptor, bytes } = randomBlob(6 * MIB);
  await targetAt(registry).put(bytesContent(bytes), descriptor);
  const { mediaType } = descriptor;
  const other = randomBlob(6 * MIB);
  await targetAt(registry).put(bytesContent(other.bytes), { mediaType });
  expect(registry.requests.filter(({ status }) => status === 416)).toEqual([]);
  expect(registry.requests.filter(({ headers }) => headers['content-range'] !== undefined)).toEqual([]);
});
