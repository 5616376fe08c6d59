import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

it('cookies are not kept: a registry that sees its own again takes us for a browser', async () => {
  const registry = await quirkRegistry({ quirks: { p22: true }, auth: login });
  const target = targetAt(registry, 'team/app', realClient({ credential: me }));
  const { descriptor, bytes } = randomBlob();
  expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
  expect(registry.requests.filter(({ headers }) => headers.cookie !== undefined)).toEqual([]);
});
