import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import type { RetryPolicy } from '../../../src/registry/http/retry.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { randomBlob } from '../../contract/target.ts';
import { type Handler, serve } from '../../helpers/http-server.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from '../pitfalls/client.ts';

const { descriptor, bytes } = randomBlob();

/** A registry that gives `t1`, `t2`, ... and decides by the question for each whether it lets one in. */
async function registryOf(
  admit: (asked: URLSearchParams, shown: number) => boolean,
  challenge: (shown: number) => string = () => '',
  status = 401,
) {
  const given: URLSearchParams[] = [];
  let shown = 0;
  const handler: Handler = (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (url.pathname === '/token') {
      given.push(url.searchParams);
      return response.end(JSON.stringify({ token: `t${given.length}` }));
    }
    const asked = given[Number(/^Bearer t(\d+)/.exec(request.headers.authorization ?? '')?.[1] ?? 0) - 1];
    if (asked !== undefined) shown += 1;
    if (asked !== undefined && admit(asked, shown)) {
      return request.method === 'POST'
        ? response.writeHead(201, { 'docker-content-digest': descriptor.digest }).end()
        : response.writeHead(404).end();
    }
    const value = `Bearer realm="http://${request.headers.host}/token"${challenge(shown)}`;
    return response.writeHead(asked === undefined ? 401 : status, { 'www-authenticate': value }).end();
  };
  const server = await serve(handler);
  const at = (changes: Partial<RetryPolicy> = {}, repository = 'team/app') => {
    const client = realClient({ credential: me, retry: changes });
    const target = createRegistryTarget({ client, reference: { registry: server.host, repository } });
    return { target, client };
  };
  const tried = () => server.requests.filter(({ url }) => url.startsWith('/v2/team')).length;
  return { server, at, given, tried };
}

describe('a new token that is refused', () => {
  it('is shown once more after a second: the registry’s clock may be late', async () => {
    const registry = await registryOf((_, shown) => shown > 1);
    const { target, client } = registry.at();
    expect(await target.has(descriptor)).toBe(false);
    expect([client.slept, registry.given.length]).toEqual([[1000], 1]);
  });

  it('is good a second later where tokens are not valid before they were issued', async () => {
    let time = Date.parse('2026-01-01T00:00:00Z');
    const registry = await quirkRegistry({ quirks: { p13: 'not-before' }, auth: login, now: () => time });
    const sleep = async (milliseconds: number) => {
      time += milliseconds;
    };
    const client = realClient({ credential: me, retry: { clock: () => time, sleep } });
    const { outcome } = await targetAt(registry, 'team/app', client).put(bytesContent(bytes), descriptor);
    expect(outcome).toBe('sent');
  });

  it('is refused for good then, and nobody waits for the next one', async () => {
    const registry = await registryOf(() => false);
    const { target, client } = registry.at();
    await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    const first = registry.tried();
    await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    // Without a token it was told to get one by the ping.
    expect([first, registry.tried() - first, client.slept]).toEqual([2, 1, [1000]]);
  });

  it('is tried anew after a minute', async () => {
    let time = 0;
    let revoked: URLSearchParams | undefined;
    const registry = await registryOf((asked) => time > 60_000 && asked !== revoked);
    const sleep = async (milliseconds: number) => {
      time += milliseconds;
    };
    const { target } = registry.at({ clock: () => time, sleep });
    await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    time = 62_000;
    expect(await target.has(descriptor)).toBe(false);
    revoked = registry.given.at(-1);
    expect(await target.has(descriptor)).toBe(false);
  });

  it('is not waited with when it allows too little', async () => {
    const registry = await registryOf(
      () => false,
      () => ',error="insufficient_scope"',
    );
    const { target, client } = registry.at();
    await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect([client.slept, registry.tried()]).toEqual([[], 1]);
  });
});

describe('a token that allows too little', () => {
  it.each([401, 403])('is replaced by one with what the registry names (%d)', async (status) => {
    const wanted = 'repository:team/app:pull,delete';
    const registry = await registryOf(
      (asked) => asked.getAll('scope').includes(wanted),
      () => `,scope="${wanted}",error="insufficient_scope"`,
      status,
    );
    expect(await registry.at().target.has(descriptor)).toBe(false);
    // One scope for one repository: some servers read one only.
    expect(registry.given.map((asked) => asked.getAll('scope'))).toEqual([
      ['repository:team/app:pull'],
      [wanted],
    ]);
  });

  it('is not replaced for ever by a registry that names more each time', async () => {
    const registry = await registryOf(
      () => false,
      (shown) => `,scope="repository:more${shown}:pull",error="insufficient_scope"`,
    );
    await expect(registry.at().target.has(descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
    });
    expect(registry.tried()).toBeLessThanOrEqual(10);
    expect(registry.given.length).toBeLessThanOrEqual(10);
  });
});

describe('several scopes', () => {
  const mountFrom = (host: string) => ({
    ...bytesContent(bytes),
    origins: [{ registry: host, repository: 'base' }],
  });

  it('are asked for in one parameter where the server wants it so', async () => {
    const registry = await registryOf(
      (asked) => asked.getAll('scope').length === 1,
      () => ',error="insufficient_scope"',
    );
    const { target } = registry.at();
    expect((await target.put(mountFrom(registry.server.host), descriptor)).outcome).toBe('mounted');
    expect(registry.given.at(-1)?.get('scope')).toBe('repository:team/app:pull,push repository:base:pull');
  });

  it('cost a server that honours one of them no more than once', async () => {
    const registry = await quirkRegistry({ quirks: { p03: 'last-scope' }, auth: login });
    const blobs = [randomBlob(), randomBlob(), randomBlob()];
    const target = targetAt(registry, 'team/app', realClient({ credential: me }));
    const tokens = () => registry.requests.filter(({ place }) => place === 'token').length;
    const counts: number[] = [];
    for (const blob of blobs) {
      registry.repository('base').blobs.set(blob.descriptor.digest, Buffer.from(blob.bytes));
      const content = { ...mountFrom(registry.host), ...bytesContent(blob.bytes) };
      expect((await target.put(content, blob.descriptor)).outcome).toBe('mounted');
      counts.push(tokens());
    }
    expect(counts[2]).toBe(counts[0]);
  });

  it('of which one is not allowed give a token for the first', async () => {
    const may = (user: string | undefined, repository: string) => user !== undefined && repository !== 'base';
    const registry = await quirkRegistry({ quirks: { p02: 'refuses-token' }, auth: { ...login, may } });
    const target = targetAt(registry, 'team/app', realClient({ credential: me }));
    const tokens = () => registry.requests.filter(({ place }) => place === 'token').length;
    const counts: number[] = [];
    for (const blob of [randomBlob(), randomBlob(), randomBlob()]) {
      registry.repository('base').blobs.set(blob.descriptor.digest, Buffer.from(blob.bytes));
      const content = { ...mountFrom(registry.host), ...bytesContent(blob.bytes) };
      expect((await target.put(content, blob.descriptor)).outcome).toBe('sent');
      counts.push(tokens());
    }
    expect(counts[2]).toBe(counts[0]);
  });

  it('that a registry does not find in its token leave the token for the push alone', async () => {
    const may = (user: string | undefined, repository: string) => user !== undefined && repository !== 'base';
    const registry = await quirkRegistry({ quirks: { p02: 'needs-pull' }, auth: { ...login, may } });
    registry.repository('base').blobs.set(descriptor.digest, Buffer.from(bytes));
    const target = targetAt(registry, 'team/app', realClient({ credential: me }));
    expect((await target.put(mountFrom(registry.host), descriptor)).outcome).toBe('sent');
    const asked = registry.requests
      .filter(({ place }) => place === 'token')
      .map(({ query }) => new URLSearchParams(query).getAll('scope'));
    const [push, pull] = ['repository:team/app:pull,push', 'repository:base:pull'];
    expect(asked).toEqual([[push], [push, pull], [`${push} ${pull}`]]);
  });
});
