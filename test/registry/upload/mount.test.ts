import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import type { BlobLocations } from '../../../src/registry/upload/known-blobs.ts';
import { randomBlob } from '../../contract/target.ts';
import { type QuirkRegistry, quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

const { descriptor, bytes } = randomBlob(100_000);
const content = bytesContent(bytes);
const digest = encodeURIComponent(descriptor.digest);

const posts = (registry: QuirkRegistry) =>
  registry.requests.filter(({ method }) => method === 'POST').map(({ query }) => decodeURIComponent(query));

/** What the local store keeps, by hand. */
function memory(...repositories: readonly string[]) {
  const known = new Set(repositories);
  const told: string[] = [];
  const locations: BlobLocations = {
    of: async (_digest, registry) => [...known].map((repository) => ({ registry, repository })),
    seen: (_digest, { repository }) => void told.push(`seen ${repository}`),
    forget: (_digest, { repository }) => void told.push(`forget ${repository}`),
  };
  return { locations, told };
}

describe('a blob that was seen in another repository', () => {
  it('by an earlier run is mounted from there, and both are remembered', async () => {
    const registry = await quirkRegistry();
    await registry.target('team/old').put(content, descriptor);
    const { locations, told } = memory('team/old');
    const client = realClient({ locations });
    expect((await targetAt(registry, 'team/app', client).put(content, descriptor)).outcome).toBe('mounted');
    expect(posts(registry)).toEqual([`mount=${descriptor.digest}&from=team/old`]);
    expect(told).toEqual(['seen team/app']);
  });

  it('by this run is mounted from there, the latest first', async () => {
    const registry = await quirkRegistry();
    const client = realClient({ locations: memory('team/older').locations });
    await registry.target('team/one').put(content, descriptor);
    await registry.target('team/two').put(content, descriptor);
    for (const name of ['team/one', 'team/two'])
      await targetAt(registry, name, client).put(content, descriptor);
    registry.forget();
    expect((await targetAt(registry, 'team/app', client).put(content, descriptor)).outcome).toBe('mounted');
    expect(posts(registry)).toEqual([`mount=${descriptor.digest}&from=team/two`]);
  });

  it('is forgotten there where the registry declines, and is sent into the last session it opened', async () => {
    const registry = await quirkRegistry({ quirks: { p05: 'never' } });
    const { locations, told } = memory('team/1', 'team/2', 'team/3', 'team/4');
    const client = realClient({ locations });
    expect((await targetAt(registry, 'team/app', client).put(content, descriptor)).outcome).toBe('sent');
    expect(posts(registry)).toEqual([1, 2, 3].map((n) => `mount=${descriptor.digest}&from=team/${n}`));
    expect(registry.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2);
    expect(registry.sessions.size).toBe(0);
    expect(told).toEqual(['forget team/1', 'forget team/2', 'forget team/3', 'seen team/app']);
    registry.forget();
    // Nor is it asked for there again.
    await targetAt(registry, 'team/next', client).put(content, descriptor);
    expect(posts(registry)[0]).toBe(`mount=${descriptor.digest}&from=team/app`);
  });

  it('is asked for once only when it is small', async () => {
    const registry = await quirkRegistry();
    const small = randomBlob(100);
    const client = realClient({ locations: memory('team/1', 'team/2').locations });
    await targetAt(registry, 'team/app', client).put(bytesContent(small.bytes), small.descriptor);
    expect(posts(registry)).toHaveLength(1);
  });

  it('is kept in memory when it may not be pulled from there: rights change', async () => {
    const registry = await quirkRegistry({ quirks: { p01: 'denied' } });
    const { locations, told } = memory('team/secret');
    const client = realClient({ locations });
    expect((await targetAt(registry, 'team/app', client).put(content, descriptor)).outcome).toBe('sent');
    expect(told).toEqual(['seen team/app']);
  });

  it('is mounted while it is on its way there: the bytes go to the registry once', async () => {
    const registry = await quirkRegistry();
    const client = realClient();
    const targets = ['team/a', 'team/b', 'team/c'].map((name) => targetAt(registry, name, client));
    const results = await Promise.all(targets.map((target) => target.put(content, descriptor)));
    expect(results.map(({ outcome }) => outcome)).toEqual(['sent', 'mounted', 'mounted']);
    expect(registry.receivedBytes()).toBe(bytes.length);
  });

  it('is sent by who waited for it when the first one fails', async () => {
    const registry = await quirkRegistry();
    const client = realClient();
    const broken = { open: () => Promise.reject(new Error('the source broke')), reopenable: true };
    const [first, second] = await Promise.allSettled([
      targetAt(registry, 'team/a', client).put(broken, descriptor),
      targetAt(registry, 'team/b', client).put(content, descriptor),
    ]);
    expect(first.status).toBe('rejected');
    expect(second).toMatchObject({ status: 'fulfilled', value: { outcome: 'sent' } });
  });
});

describe('a mount from nowhere', () => {
  it('finds what this run knows nothing of, and costs no request where it does not', async () => {
    const registry = await quirkRegistry({ quirks: { anonymousMount: true } });
    await registry.target('somebody/else').put(content, descriptor);
    const client = realClient();
    expect((await targetAt(registry, 'team/app', client).put(content, descriptor)).outcome).toBe('mounted');
    expect(posts(registry)).toEqual([`mount=${descriptor.digest}`]);
    const other = randomBlob(100_000);
    await targetAt(registry, 'team/app', client).put(bytesContent(other.bytes), other.descriptor);
    expect(posts(registry)).toHaveLength(2);
    expect(registry.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('is no longer asked for where it was declined three times', async () => {
    const registry = await quirkRegistry();
    const client = realClient();
    for (let n = 0; n < 5; n += 1) {
      const blob = randomBlob(100);
      await targetAt(registry, 'team/app', client).put(bytesContent(blob.bytes), blob.descriptor);
    }
    expect(posts(registry).map((query) => query.startsWith('mount='))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

it('what is there is asked for once in a while, and what is not each time', async () => {
  const registry = await quirkRegistry();
  let time = 0;
  const client = realClient({ retry: { clock: () => time } });
  const put = () => targetAt(registry, 'team/app', client).put(content, descriptor);
  const heads = () => registry.requests.filter(({ method }) => method === 'HEAD').length;
  await put();
  await put();
  expect(heads()).toBe(1);
  time += 61_000;
  await put();
  expect(heads()).toBe(2);
  expect(registry.lines().at(-1)).toBe(`HEAD /v2/team/app/blobs/${decodeURIComponent(digest)}`);
});

it.each([
  ['the same repository', 'team/a', 'sent'],
  ['another of the registry', 'team/b', 'sent'],
])('who is given up takes nobody along: a second sender to %s goes on', async (_what, second, outcome) => {
  const registry = await quirkRegistry();
  const client = realClient();
  const abort = new AbortController();
  const begun = Promise.withResolvers<void>();
  const slow = {
    reopenable: true,
    open: async () => {
      begun.resolve();
      return new Readable({ read() {} });
    },
  };
  const first = targetAt(registry, 'team/a', client).put(slow, descriptor, { signal: abort.signal });
  const failed = expect(first).rejects.toThrow('enough');
  await begun.promise;
  const other = targetAt(registry, second, client).put(content, descriptor);
  abort.abort(new Error('enough'));
  await failed;
  expect((await other).outcome).toBe(outcome);
  expect(registry.sessions.size).toBe(0);
});
