import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/net/http.ts';
import { bytesContent, type Content } from '../../src/oci/content.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { Credential } from '../../src/registry/auth/credentials.ts';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/client.ts';
import { createRegistryTarget, type RegistryTarget } from '../../src/registry/registry-target.ts';
import { putImageParts, randomBlob, targetContract } from '../contract/target.ts';
import { type Certificate, selfSigned } from '../helpers/certificate.ts';
import { describeWith } from '../helpers/engines.ts';
import { serve } from '../helpers/http-server.ts';
import {
  freePort,
  type RegistryKind,
  type RegistryOptions,
  type RunningRegistry,
  startRegistry,
} from '../helpers/registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const KINDS = [
  ['distribution3', 'registry'],
  ['docker-registry', 'docker-registry'],
] as const satisfies readonly (readonly [RegistryKind, string])[];

function connect(host: string, repository: string, options: Partial<RegistryClientOptions> = {}) {
  const http = options.http ?? createHttpClient();
  // Retries at once: a dead registry must not keep the tests waiting.
  const client = createRegistryClient({ http, retry: { baseDelay: 1, attempts: 3 }, ...options });
  return createRegistryTarget({ client, reference: { registry: host, repository } });
}

const having = (credential: Credential) => ({ find: async () => credential, places: 'the test' });
const login = { username: 'me', password: 'hunter2' };

/** A repository of its own for every test. */
function freshName(): string {
  return `team/app-${randomBytes(6).toString('hex')}`;
}

/** One registry for the tests of a suite. */
function shared(options: RegistryOptions): () => RunningRegistry {
  let registry: RunningRegistry | undefined;
  beforeAll(async () => {
    registry = await startRegistry(options);
  });
  afterAll(() => registry?.stop());
  return () => {
    if (registry === undefined) throw new Error('the registry is not started yet');
    return registry;
  };
}

function originOf(target: RegistryTarget, descriptor: Descriptor) {
  const origin = target.origin?.(descriptor);
  if (origin === undefined) throw new Error('a registry target has an origin');
  return origin;
}

/** Pushes an image, tags it and reads it back. */
async function roundTrip(target: RegistryTarget): Promise<void> {
  const image = await putImageParts(target);
  await target.put(bytesContent(image.bytes), image.descriptor);
  await target.tag(image.descriptor, 'v1');
  expect(await target.resolve('v1')).toEqual(image.descriptor);
  expect(Buffer.compare(await buffer(await target.open(image.descriptor)), image.bytes)).toBe(0);
}

describe.each(KINDS)('%s', (kind, engine) => {
  describeWith([engine], 'without authentication', () => {
    const registry = shared({ kind });

    targetContract(`registry target (${kind})`, async () => connect(registry().host, freshName()));

    it('mounts a blob from another repository of the same registry', async () => {
      const [from, to] = [connect(registry().host, freshName()), connect(registry().host, freshName())];
      const { descriptor, bytes } = randomBlob(100_000);
      await from.put(bytesContent(bytes), descriptor);
      const origins = [{ registry: registry().host, repository: 'team/none' }, originOf(from, descriptor)];
      const open = () => Promise.reject(new Error('opened'));
      const content: Content = { reopenable: true, open, origins };
      expect(await to.put(content, descriptor)).toEqual({ descriptor, outcome: 'mounted' });
      expect(await to.has(descriptor)).toBe(true);
    });

    it('keeps no bytes of an upload that was given up', async () => {
      const name = freshName();
      const { descriptor, bytes } = randomBlob();
      const open = async () =>
        Readable.from([bytes.subarray(0, 2000), bytes.subarray(1)], { objectMode: false });
      const put = connect(registry().host, name).put({ open, reopenable: true }, descriptor);
      await expect(put).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
      const folder = `${registry().storage}/docker/registry/v2/repositories/${name}/_uploads`;
      // Distribution writes down the state of its (empty) hash when it notices the cut, even after the DELETE.
      const left = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      expect(left.filter((path) => path.endsWith('/data'))).toEqual([]);
    });
  });

  describeWith([engine, 'htpasswd'], 'with basic authentication', () => {
    const registry = shared({ kind, auth: { htpasswd: login } });

    it('takes an image from who may', async () => {
      const credentials = having({ kind: 'password', ...login, source: 'the test' });
      await roundTrip(connect(registry().host, freshName(), { credentials }));
    });

    it('refuses all others', async () => {
      const wrong = having({ kind: 'password', username: 'me', password: 'wrong', source: 'the test' });
      const { descriptor, bytes } = randomBlob();
      for (const options of [{}, { credentials: wrong }]) {
        const target = connect(registry().host, freshName(), options);
        await expect(target.put(bytesContent(bytes), descriptor)).rejects.toMatchObject({
          code: 'REGISTRY_UNAUTHORIZED',
        });
      }
    });
  });

  describeWith([engine, 'openssl'], 'behind TLS', () => {
    it('takes an image over a trusted certificate', async () => {
      const own = await selfSigned();
      const tls = { certificate: own.certPath, key: own.keyPath };
      const registry = await startRegistry({ kind, tls });
      onTestFinished(() => registry.stop());
      const http = createHttpClient({ ca: [own.cert] });
      onTestFinished(() => http.close());
      await roundTrip(connect(registry.host, freshName(), { http }));
      await expect(connect(registry.host, freshName()).ping()).rejects.toMatchObject({
        code: 'REGISTRY_TLS',
      });
    });
  });

  describeWith([engine], 'that dies in the middle of an upload', () => {
    it('is a clear error, and a second push completes', async () => {
      const [storage, port] = [await temporaryFolder(), await freePort()];
      const first = await startRegistry({ kind, storage, port });
      onTestFinished(() => first.stop());
      const target = connect(first.host, 'team/app');
      const small = randomBlob();
      await target.put(bytesContent(small.bytes), small.descriptor);
      const large = randomBlob(3_000_000);
      const open = async () =>
        Readable.from(
          (async function* () {
            yield large.bytes.subarray(0, 1_000_000);
            await first.kill();
            yield large.bytes.subarray(1_000_000, 2_000_000);
            yield large.bytes.subarray(2_000_000);
          })(),
          { objectMode: false },
        );
      await expect(target.put({ open, reopenable: true }, large.descriptor)).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
      });
      const second = await startRegistry({ kind, storage, port });
      onTestFinished(() => second.stop());
      expect((await target.put(bytesContent(small.bytes), small.descriptor)).outcome).toBe('existing');
      expect((await target.put(bytesContent(large.bytes), large.descriptor)).outcome).toBe('sent');
      expect(Buffer.compare(await buffer(await target.open(large.descriptor)), large.bytes)).toBe(0);
    });
  });
});

describeWith(['registry', 'openssl'], 'distribution3 with a token server', () => {
  it('takes an image with tokens that the server signs, and mounts with the right to pull', async () => {
    const own = await selfSigned();
    const asked: string[][] = [];
    const tokens = await serve((request, response) => {
      const scopes = new URL(request.url ?? '', 'http://x').searchParams.getAll('scope');
      asked.push(scopes);
      const basic = `Basic ${Buffer.from('me:hunter2').toString('base64')}`;
      if (request.headers.authorization !== basic) return response.writeHead(401).end();
      return response.end(JSON.stringify({ token: signedToken(own, scopes), expires_in: 60 }));
    });
    const { certPath: rootCertificate } = own;
    const token = { realm: `${tokens.url}/token`, service: 'dogwood', issuer: 'tests', rootCertificate };
    const registry = await startRegistry({ kind: 'distribution3', auth: { token } });
    onTestFinished(() => registry.stop());
    const credentials = having({ kind: 'password', ...login, source: 'the test' });
    const http = createHttpClient();
    const client = createRegistryClient({ http, credentials });
    const at = (repository: string) =>
      createRegistryTarget({ client, reference: { registry: registry.host, repository } });
    await roundTrip(at('team/app'));
    expect(asked).toEqual([['repository:team/app:pull,push']]);

    const { descriptor, bytes } = randomBlob();
    await at('team/app').put(bytesContent(bytes), descriptor);
    const content: Content = { ...bytesContent(bytes), origins: [originOf(at('team/app'), descriptor)] };
    expect((await at('team/other').put(content, descriptor)).outcome).toBe('mounted');
    expect(asked.at(-1)).toEqual(['repository:team/other:pull,push', 'repository:team/app:pull']);
    await expect(connect(registry.host, 'team/app').has(descriptor)).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
    });
  });
});

/** A token as distribution reads it (its docs, "Token Authentication Implementation"): ES256, the certificate in x5c. */
function signedToken(own: Certificate, scopes: readonly string[]): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const x5c = [new X509Certificate(own.cert).raw.toString('base64')];
  const access = scopes.map((scope) => {
    const [type, name, actions] = scope.split(':');
    return { type, name, actions: actions?.split(',') };
  });
  const claims = {
    iss: 'tests',
    aud: 'dogwood',
    sub: 'me',
    iat: now,
    nbf: now - 5,
    exp: now + 60,
    jti: '1',
    access,
  };
  const text = `${part({ typ: 'JWT', alg: 'ES256', x5c })}.${part(claims)}`;
  const key = { key: createPrivateKey(own.key), dsaEncoding: 'ieee-p1363' } as const;
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

describeWith(['registry', 'crane'], 'crane', ({ crane }) => {
  it('reads what we push', async () => {
    const registry = await startRegistry({ kind: 'distribution3' });
    onTestFinished(() => registry.stop());
    const target = connect(registry.host, 'team/app');
    await roundTrip(target);
    const digest = execFileSync(crane, ['digest', `${registry.host}/team/app:v1`], { encoding: 'utf8' });
    expect(digest.trim()).toBe((await target.resolve('v1'))?.digest);
  });
});
