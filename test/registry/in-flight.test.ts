import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import { randomBlob } from '../contract/target.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { realClient, targetAt } from './pitfalls/client.ts';

/** Long enough on its way for everybody else to ask what there is to ask. */
async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 1);
  for (let turn = 0; turn < 500; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(1);
}

const names = ['team/a', 'team/b', 'team/c', 'team/d'];

test('a blob on its way to one repository of a registry is mounted in the others, not sent again', async () => {
  const registry = await quirkRegistry();
  const client = realClient();
  const { descriptor, bytes } = randomBlob(200_000);
  const content = { open: async () => Readable.from(slowly(bytes), { objectMode: false }), reopenable: true };
  const put = (name: string) => targetAt(registry, name, client).put(content, descriptor);
  const outcomes = (await Promise.all(names.map(put))).map(({ outcome }) => outcome);
  expect(outcomes.toSorted()).toEqual(['mounted', 'mounted', 'mounted', 'sent']);
  expect(registry.receivedBytes()).toBe(bytes.length);
});

test('who waited for one that failed sends it', async () => {
  const registry = await quirkRegistry();
  const client = realClient();
  const { descriptor, bytes } = randomBlob(200_000);
  const broken = { open: () => Promise.reject(new Error('no source')), reopenable: false };
  const [first, second] = await Promise.allSettled([
    targetAt(registry, 'team/a', client).put(broken, descriptor),
    targetAt(registry, 'team/b', client).put(bytesContent(bytes), descriptor),
  ]);
  expect(first.status).toBe('rejected');
  expect(second).toMatchObject({ status: 'fulfilled', value: { outcome: 'sent' } });
});
