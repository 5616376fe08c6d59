import { describe, expect, it } from 'vitest';
import { randomBlob } from '../../contract/target.ts';
import { type QuirkRegistry, quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../../helpers/quirk-registry/quirks.ts';
import { login, me, realClient, targetAt } from './client.ts';

/** A registry and a client that live in the same time. */
async function together(p13: NonNullable<Quirks['p13']>) {
  const client = realClient({ credential: me });
  const registry = await quirkRegistry({ quirks: { p13 }, auth: login, now: client.retry.clock });
  return { client, registry, target: targetAt(registry, 'team/app', client) };
}

const tokens = ({ requests }: QuirkRegistry) => requests.filter(({ place }) => place === 'token');
const { descriptor } = randomBlob();

describe('a token of a server whose clock is ahead', () => {
  it('is shown again after a second', async () => {
    const { client, registry, target } = await together('not-before');
    expect(await target.has(descriptor)).toBe(false);
    expect(client.slept).toEqual([1000]);
    expect(registry.requests.filter(({ place, status }) => place === 'blob' && status === 401)).toHaveLength(
      1,
    );
    expect(tokens(registry)).toHaveLength(1);
  });
});

describe('a token that states no life', () => {
  it('is taken for one of 60 seconds, and renewed before', async () => {
    const { client, registry, target } = await together('no-life');
    await target.has(descriptor);
    await client.retry.sleep(30_000);
    await target.has(descriptor);
    expect(tokens(registry)).toHaveLength(1);
    await client.retry.sleep(29_000);
    await target.has(descriptor);
    expect(tokens(registry)).toHaveLength(2);
    expect(registry.requests.filter(({ place, status }) => place === 'blob' && status === 401)).toEqual([]);
  });
});
