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
