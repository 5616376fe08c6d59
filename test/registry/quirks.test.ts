/** What registries do beside the numbered pitfalls, each switched on in the quirk registry. */
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import type { Credential } from '../../src/registry/auth/credentials.ts';
import { randomBlob } from '../contract/target.ts';
import { type QuirkRegistry, quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { login, realClient, targetAt } from './pitfalls/client.ts';

const MIB = 1024 * 1024;

const held = (registry: QuirkRegistry, digest: string) =>
  registry.repository('team/app').blobs.get(digest)?.length;

describe('a download', () => {
  it.each(['fin', 'rst'] as const)('goes on where it was cut (%s)', async (how) => {
    const registry = await quirkRegistry({ quirks: { cut: { at: 300_000, how, times: 2 } } });
    const { descriptor, bytes } = randomBlob(MIB);
    await registry.target('team/app').put(bytesContent(bytes), descriptor);
    const got = await buffer(await targetAt(registry).open(descriptor));
    expect(Buffer.compare(got, bytes)).toBe(0);
    const ranges = registry.requests
      .map(({ headers }) => headers.range)
      .filter((range) => range !== undefined);
    expect(ranges).toHaveLength(2);
    expect(ranges.join(' ')).toMatch(/^bytes=[1-9]\d*-\S* bytes=[1-9]\d*-\S*$/);
  });
});

describe('an upload that was cut', () => {
  it('sends only what the session did not keep', async () => {
    const registry = await quirkRegistry({ quirks: { cutUpload: { at: MIB, keep: true } } });
    const { descriptor, bytes } = randomBlob(3 * MIB);
    expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    expect(held(registry, descriptor.digest)).toBe(bytes.length);
    const [, patch] = registry.requests.filter(
      ({ place, receivedBytes }) => place === 'upload' && receivedBytes > 0,
    );
    expect(patch).toMatchObject({ method: 'PATCH', receivedBytes: 2 * MIB });
  });

  it('starts over where nothing was kept', async () => {
    const registry = await quirkRegistry({ quirks: { cutUpload: { at: MIB } } });
    const { descriptor, bytes } = randomBlob(3 * MIB);
    expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    expect(held(registry, descriptor.digest)).toBe(bytes.length);
    expect(registry.sessions.size).toBe(0);
  });

  it('fails as it would where a session cannot be given up', async () => {
    const registry = await quirkRegistry({ quirks: { noDelete: true, cutUpload: { at: 1000, times: 99 } } });
    const { descriptor, bytes } = randomBlob(3 * MIB);
    const put = targetAt(registry).put(bytesContent(bytes), descriptor);
    await expect(put).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});

describe('a proxy that limits bodies', () => {
  it('gets chunks that it takes', async () => {
    const registry = await quirkRegistry({ quirks: { maxBody: 5 * MIB } });
    const { descriptor, bytes } = randomBlob(20 * MIB);
    expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    expect(held(registry, descriptor.digest)).toBe(bytes.length);
    const largest = Math.max(...registry.requests.map(({ receivedBytes }) => receivedBytes));
    expect(largest).toBeLessThanOrEqual(5 * MIB);
  });
});

describe('an identity token', () => {
  const credential: Credential = {
    kind: 'identity',
    username: '<token>',
    token: 'refresh',
    source: 'the test',
  };

  it.each([true, false])('is exchanged for one that lets us in (OAuth2: %s)', async (oauth2) => {
    const auth = { ...login, users: { '<token>': 'refresh' }, refreshTokens: { refresh: 'me' }, oauth2 };
    const registry = await quirkRegistry({ auth });
    const { descriptor, bytes } = randomBlob();
    const target = targetAt(registry, 'team/app', realClient({ credential }));
    expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    const methods = registry.requests.filter(({ place }) => place === 'token').map(({ method }) => method);
    expect(methods).toEqual(oauth2 ? ['POST'] : ['POST', 'GET']);
  });
});

describe('a registry that does not name digests', () => {
  it('is pushed to and pulled from', async () => {
    const registry = await quirkRegistry({ quirks: { noDigestHeader: true } });
    const target = targetAt(registry);
    const { descriptor } = await putSmallImage(target);
    await target.tag(descriptor, 'v1');
    expect(await target.resolve('v1')).toEqual(descriptor);
  });
});
