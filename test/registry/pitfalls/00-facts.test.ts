/** What the reference says first of all about clients, beside the pitfalls. */

import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-types.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { blobOf, randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putBytes, putSmallImage } from '../../helpers/small-image.ts';
import { httpWith, login, me, realClient, targetAt } from './client.ts';

describe('fact 1', () => {
  it('a layer that comes with Content-Encoding: gzip is the bytes of the wire', async () => {
    const registry = await quirkRegistry({ quirks: { contentEncoding: true } });
    const { descriptor, bytes } = blobOf(gzipSync('layer'));
    await registry.target('team/app').put(bytesContent(bytes), descriptor);
    expect(Buffer.compare(await buffer(await targetAt(registry).open(descriptor)), bytes)).toBe(0);
  });
});

describe('fact 2', () => {
  it.each(['joined', 'separate', 'unknown-first'] as const)(
    'of several challenges the one we speak is answered (%s)',
    async (challenges) => {
      const registry = await quirkRegistry({ quirks: { challenges }, auth: login });
      const { descriptor, bytes } = randomBlob();
      const target = targetAt(registry, 'team/app', realClient({ credential: me }));
      expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    },
  );
});

describe('fact 6', () => {
  it('a blob is one PUT with its length, not chunks', async () => {
    const registry = await quirkRegistry();
    const { descriptor, bytes } = randomBlob(9_000_000);
    await targetAt(registry).put(bytesContent(bytes), descriptor);
    const uploads = registry.requests.filter(({ place }) => place === 'upload');
    expect(uploads.map(({ method, receivedBytes }) => [method, receivedBytes])).toEqual([
      ['POST', 0],
      ['PUT', bytes.length],
    ]);
    expect(uploads[1]?.headers).toMatchObject({ 'content-length': String(bytes.length) });
    expect(uploads[1]?.headers['content-range']).toBeUndefined();
  });
});

describe('fact 8', () => {
  it.each([
    ['a realm', {}],
    ['a redirect', { p10: 'presigned' }],
    ['a Location', { crossHostUpload: true }],
  ] as const)('a registry elsewhere does not lead us to this machine: %s', async (what, quirks) => {
    const auth = what === 'a realm' ? { auth: login } : {};
    const registry = await quirkRegistry({ quirks, ...auth });
    const { descriptor, bytes } = randomBlob();
    const content = bytesContent(bytes);
    if (what === 'a redirect') await registry.target('team/app').put(content, descriptor);
    const origin = what === 'a realm' ? 'https://registry.example' : 'http://registry.example';
    const http = httpWith(registry, origin);
    const client = realClient({ credential: me, http, insecureHosts: ['registry.example'] });
    const reference = { registry: 'registry.example', repository: 'team/app' };
    const target = createRegistryTarget({ client, reference });
    const done = what === 'a redirect' ? target.open(descriptor) : target.put(content, descriptor);
    await expect(done).rejects.toMatchObject({ code: 'OUTBOUND_BLOCKED' });
    expect(registry.requests.filter(({ host, place }) => host === 'storage' || place === 'token')).toEqual(
      [],
    );
  });
});

describe('fact 9', () => {
  it('a session that broke is given up with DELETE', async () => {
    const registry = await quirkRegistry({ quirks: { cutUpload: { at: 1000, times: 99 } } });
    const { descriptor, bytes } = randomBlob(500_000);
    const put = targetAt(registry).put(bytesContent(bytes), descriptor);
    await expect(put).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(registry.requests.filter(({ method }) => method === 'DELETE').length).toBeGreaterThan(0);
    expect(registry.sessions.size).toBe(0);
  });

  it('Retry-After is waited for, in seconds and as a date, with 429 and 503', async () => {
    for (const status of [429, 503] as const) {
      for (const form of ['seconds', 'date'] as const) {
        const client = realClient();
        const putOff = { on: 'blob', status, times: 1, after: 7, form } as const;
        const registry = await quirkRegistry({ quirks: { putOff }, now: client.retry.clock });
        expect(await targetAt(registry, 'team/app', client).has(randomBlob().descriptor)).toBe(false);
        const [slept = 0] = client.slept;
        expect([form, Math.round(slept / 1000)]).toEqual([
          form,
          expect.toBeOneOf(form === 'date' ? [7, 8] : [7]),
        ]);
      }
    }
  });

  it('a manifest of 3.9 MB goes there and back', async () => {
    const registry = await quirkRegistry();
    const target = targetAt(registry);
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, i) => [`a${i}`, 'x'.repeat(10_000)]),
    );
    const { descriptor } = await putSmallImage(target, { manifest: { annotations } });
    expect(descriptor.size).toBeGreaterThan(3_900_000);
    expect(await target.resolve(descriptor.digest)).toEqual(descriptor);
    expect(await buffer(await target.open(descriptor))).toHaveLength(descriptor.size);
  });

  it('a digest that the registry tells is a hint: bytes are hashed', async () => {
    const registry = await quirkRegistry({ quirks: { corrupt: true } });
    const blob = await putBytes(
      registry.target('team/app'),
      Buffer.from('not a palindrome'),
      MEDIA_TYPES.ociLayer,
    );
    await expect(buffer(await targetAt(registry).open(blob))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });
});
