import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './client.ts';

it('the Content-Range of a chunk is FIRST-LAST, as the specification has it', async () => {
  const quirks = { p07: true, cutUpload: { at: 400_000, keep: true } } as const;
  const registry = await quirkRegistry({ quirks });
  const { descriptor, bytes } = randomBlob(1_000_000);
  expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
  const chunks = registry.requests.filter(({ method }) => method === 'PATCH');
  expect(chunks.map(({ headers, status }) => [headers['content-range'], status])).toEqual([
    ['400000-999999', 202],
  ]);
});
