import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob(3_000_000);

it('an upload that is answered with 401 before it was read is sent again, its body opened anew', async () => {
  const registry = await quirkRegistry({ quirks: { p20: true }, auth: login });
  const client = realClient({ credential: me });
  const opened: Readable[] = [];
  const open = async () => {
    const stream = await bytesContent(bytes).open();
    opened.push(stream);
    return stream;
  };
  const result = await targetAt(registry, 'team/app', client).put({ open, reopenable: true }, descriptor);
  expect(result.outcome).toBe('sent');
  expect(
    Buffer.compare(registry.repository('team/app').blobs.get(descriptor.digest) ?? Buffer.of(), bytes),
  ).toBe(0);
  expect(opened).toHaveLength(2);
  expect(opened.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

it('what can be read once only is not sent a second time by halves', async () => {
  const registry = await quirkRegistry({ quirks: { p20: true }, auth: login });
  const client = realClient({ credential: me });
  let opened = 0;
  const open = async () => {
    opened += 1;
    return Readable.from([bytes], { objectMode: false });
  };
  const put = targetAt(registry, 'team/app', client).put({ open, reopenable: false }, descriptor);
  await expect(put).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
  expect(opened).toBe(1);
  expect(registry.repository('team/app').blobs.size).toBe(0);
});
