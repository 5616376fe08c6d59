import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../../helpers/quirk-registry/quirks.ts';
import { login, me, realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob();

async function pushBesideABase(p02: NonNullable<Quirks['p02']>, mayPullBase: boolean) {
  const may = (user: string | undefined, repository: string) =>
    user !== undefined && (mayPullBase || repository !== 'base/debian');
  const registry = await quirkRegistry({ quirks: { p02 }, auth: { ...login, may } });
  await registry.target('base/debian').put(bytesContent(bytes), descriptor);
  const origins = [{ registry: registry.host, repository: 'base/debian' }];
  const target = targetAt(registry, 'team/app', realClient({ credential: me }));
  const { outcome } = await target.put({ ...bytesContent(bytes), origins }, descriptor);
  return { registry, outcome };
}

it('a mount brings pull on its source in the same token, the push scope first', async () => {
  const { registry, outcome } = await pushBesideABase('needs-pull', true);
  expect([outcome, registry.receivedBytes()]).toEqual(['mounted', 0]);
  const scopes = registry.requests
    .filter(({ place }) => place === 'token')
    .map(({ query }) => new URLSearchParams(query).getAll('scope'));
  expect(scopes).toContainEqual(['repository:team/app:pull,push', 'repository:base/debian:pull']);
  // From the beginning, not when it was refused.
  expect(registry.requests.filter(({ place, status }) => place === 'upload' && status === 401)).toEqual([]);
});

it.each(['needs-pull', 'refuses-token'] as const)(
  'who may not pull the source sends the bytes (%s)',
  async (p02) => {
    const { registry, outcome } = await pushBesideABase(p02, false);
    expect([outcome, registry.receivedBytes()]).toEqual(['sent', bytes.length]);
  },
);
