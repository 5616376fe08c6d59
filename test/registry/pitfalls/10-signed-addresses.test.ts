import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob(50_000);

it('a storage host with a signed address never sees the proof meant for the registry', async () => {
  const registry = await quirkRegistry({ quirks: { p10: 'presigned' }, auth: login });
  await registry.target('team/app').put(bytesContent(bytes), descriptor);
  const got = await buffer(
    await targetAt(registry, 'team/app', realClient({ credential: me })).open(descriptor),
  );
  expect(Buffer.compare(got, bytes)).toBe(0);
  const toStorage = registry.requests.filter(({ host }) => host === 'storage');
  expect(toStorage.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

it('uploads go to a signed address without it too', async () => {
  const registry = await quirkRegistry({ quirks: { crossHostUpload: true }, auth: login });
  const target = targetAt(registry, 'team/app', realClient({ credential: me }));
  expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
  expect(registry.requests.filter(({ host }) => host === 'storage')).toMatchObject([
    { method: 'PUT', status: 201, receivedBytes: bytes.length },
  ]);
});

it('an address that is signed for GET is asked with GET where it refuses HEAD', async () => {
  const registry = await quirkRegistry({ quirks: { p10: 'head-403' }, auth: login });
  const target = targetAt(registry, 'team/app', realClient({ credential: me }));
  await registry.target('team/app').put(bytesContent(bytes), descriptor);
  expect(await target.has(descriptor)).toBe(true);
  expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('existing');
  expect(registry.receivedBytes()).toBe(0);
  expect(Math.max(...registry.requests.map(({ sentBytes }) => sentBytes))).toBeLessThan(bytes.length);
});
