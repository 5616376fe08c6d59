import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob(500_000);
const { mediaType } = descriptor;

it.each([
  ['in one request', descriptor],
  ['as a stream', { mediaType }],
])('a layer outlives its token and is sent again under a new one (%s)', async (_how, expected) => {
  const registry = await quirkRegistry({ quirks: { p21: { atByte: 200_000 } }, auth: login });
  const target = targetAt(registry, 'team/app', realClient({ credential: me }));
  expect(await target.put(bytesContent(bytes), expected)).toEqual({ descriptor, outcome: 'sent' });
  expect(registry.requests.map(({ status }) => status)).toContain(401);
  expect(registry.repository('team/app').blobs.get(descriptor.digest)).toHaveLength(bytes.length);
  expect(registry.sessions.size).toBe(0);
});
