import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/net/http.ts';
import { PLAIN_NETWORK } from '../../src/net/settings.ts';
import { copy } from '../../src/oci/copy.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { authority, issued } from '../helpers/certificate.ts';
import { describeWith, engineOrThrow } from '../helpers/engines.ts';
import { freePort, startRegistry } from '../helpers/registry.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

describeWith(['registry', 'openssl', 'skopeo'], 'a real registry that wants client certificates', () => {
  it("takes what is pushed with the certificates of Docker's folder, and skopeo reads it with the same", async () => {
    const ca = await authority();
    const [server, client] = await Promise.all([issued(ca), issued(ca)]);
    const port = await freePort();
    const folder = await temporaryFolder();
    const own = join(folder, `127.0.0.1:${port}`);
    await mkdir(own);
    await copyFile(ca.certPath, join(own, 'ca.crt'));
    const tls = { certificate: server.certPath, key: server.keyPath, clientcas: [ca.certPath] };
    const registry = await startRegistry({ kind: 'distribution3', tls, port });
    onTestFinished(registry.stop);
    const targetWith = () => {
      const http = createHttpClient({ network: { ...PLAIN_NETWORK, certificateFolders: [folder] } });
      onTestFinished(() => http.close());
      const registryClient = createRegistryClient({ http, retry: { attempts: 2, baseDelay: 1 } });
      return createRegistryTarget({
        client: registryClient,
        reference: { registry: registry.host, repository: 'app' },
        access: 'push',
      });
    };
    await expect(targetWith().ping()).rejects.toMatchObject({
      code: 'REGISTRY_TLS',
      message: expect.stringContaining('it wants a client certificate'),
    });
    await copyFile(client.certPath, join(own, 'client.cert'));
    await copyFile(client.keyPath, join(own, 'client.key'));
    const from = createMemoryTarget();
    const { descriptor } = await putSmallImage(from);
    const target = targetWith();
    await copy(from, target, descriptor);
    await target.tag(descriptor, 'v1');
    const { stdout } = await promisify(execFile)(engineOrThrow('skopeo'), [
      'inspect',
      '--cert-dir',
      own,
      '--format',
      '{{.Digest}}',
      `docker://${registry.host}/app:v1`,
    ]);
    expect(stdout.trim()).toBe(descriptor.digest);
  });
});
