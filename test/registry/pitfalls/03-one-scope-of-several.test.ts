import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

it.each([
  // The scope of the push comes first: it is the one that counts.
  ['first-scope', 'mounted'],
  // A token for the last of two parameters cannot push: both are asked for in one parameter.
  ['last-scope', 'mounted'],
  // And where that does not help, one for the first alone has to do.
  ['last-only', 'mounted'],
] as const)('where only the %s counts, a blob is %s', async (p03, outcome) => {
  const registry = await quirkRegistry({ quirks: { p03 }, auth: login });
  const { descriptor, bytes } = randomBlob();
  await registry.target('base/debian').put(bytesContent(bytes), descriptor);
  const origins = [{ registry: registry.host, repository: 'base/debian' }];
  const client = realClient({ credential: me });
  const result = await targetAt(registry, 'team/app', client).put(
    { ...bytesContent(bytes), origins },
    descriptor,
  );
  expect(result.outcome).toBe(outcome);
  expect(await targetAt(registry, 'base/debian', client).has(descriptor)).toBe(true);
});
