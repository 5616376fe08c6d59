import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { randomBlob } from '../../contract/target.ts';
import { selfSigned } from '../../helpers/certificate.ts';
import { describeWith } from '../../helpers/engines.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../../helpers/quirk-registry/quirks.ts';
import { httpWith, login, me, realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob();

describeWith(['openssl'], 'a registry behind a proxy that ends its TLS', () => {
  async function behindTls(quirks: Quirks) {
    const certificate = await selfSigned();
    const registry = await quirkRegistry({ quirks, auth: login, tls: certificate });
    const client = realClient({ credential: me, limits: { ca: [certificate.cert] } });
    return { registry, target: targetAt(registry, 'team/app', client) };
  }

  it.each(['http', 'http-port-80', 'http-no-port'] as const)(
    'is spoken to with TLS wherever on it a Location leads (%s)',
    async (p09) => {
      const { registry, target } = await behindTls({ p09 });
      expect((await target.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
      expect(registry.requests.at(-1)).toMatchObject({ method: 'PUT', status: 201 });
    },
  );

  it('is refused a Location without TLS on another host', async () => {
    const { registry, target } = await behindTls({ p09: 'http-other-host' });
    await expect(target.put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      message: expect.stringContaining('plain http'),
    });
    expect(registry.receivedBytes()).toBe(0);
  });
});

it('a Location without the :443 that was asked is the same host: it gets the login', async () => {
  const publicUrl = 'https://registry.example';
  const registry = await quirkRegistry({ quirks: { p09: 'port-dropped' }, auth: login, publicUrl });
  const client = realClient({ credential: me, http: httpWith(registry, publicUrl) });
  const reference = { registry: 'registry.example:443', repository: 'team/app' };
  const result = await createRegistryTarget({ client, reference }).put(bytesContent(bytes), descriptor);
  expect(result.outcome).toBe('sent');
  expect(registry.requests.at(-1)?.headers.authorization).toMatch(/^Bearer /);
});
