import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { createServer, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { type NetworkSettings, PLAIN_NETWORK } from '../../src/net/settings.ts';
import { authority, type Certificate, issued, selfSigned } from '../helpers/certificate.ts';
import { describeWith, engineOrThrow } from '../helpers/engines.ts';
import { listenForTest, serve } from '../helpers/http-server.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function get(url: string, options: HttpClientOptions = {}): Promise<string> {
  const http = createHttpClient({ machineCertificates: () => [], ...options });
  onTestFinished(() => http.close());
  return await text((await http.request({ method: 'GET', url: new URL(url) })).body);
}

const network = (settings: Partial<NetworkSettings>): HttpClientOptions => ({
  network: { ...PLAIN_NETWORK, ...settings },
});
const hi = (_request: unknown, response: { end(text: string): unknown }) => response.end('hi');

/** A server that speaks TLS in its own way. */
const secure = (certificate: Certificate, options: TlsOptions = {}) =>
  serve(hi, { key: certificate.key, cert: certificate.cert, ...options });

/** A server that says with an alert why it hangs up, as those in Go and C do; Node's just hangs up. */
async function opensslServer(certificate: Certificate, clients: Certificate): Promise<string> {
  const words = ['s_server', '-accept', '127.0.0.1:0', '-www', '-cert', certificate.certPath];
  const verify = [
    '-key',
    certificate.keyPath,
    '-CAfile',
    clients.certPath,
    '-Verify',
    '1',
    '-verify_return_error',
  ];
  const child = spawn(engineOrThrow('openssl'), [...words, ...verify], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^ACCEPT .*:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) return `127.0.0.1:${port}`;
  }
  throw new Error('openssl does not listen');
}

describeWith(['openssl'], 'what is wrong with TLS is told apart', () => {
  it('expired', async () => {
    const ca = await authority();
    const server = await secure(await issued(ca, 'IP:127.0.0.1', -1));
    await expect(get(server.url, { ca: [ca.cert] })).rejects.toMatchObject({
      kind: 'tls',
      tls: 'expired',
      message: `${server.host}: its certificate has expired (CERT_HAS_EXPIRED)`,
      hint: expect.stringContaining('clock'),
    });
  });

  it('for another name', async () => {
    const ca = await authority();
    const server = await secure(await issued(ca, 'DNS:registry.example'));
    await expect(get(server.url, { ca: [ca.cert] })).rejects.toMatchObject({ kind: 'tls', tls: 'name' });
  });

  it('from an unknown issuer, and self-signed', async () => {
    const ca = await authority();
    const server = await secure(await issued(ca));
    const own = await secure(await selfSigned());
    await expect(get(server.url)).rejects.toMatchObject({
      kind: 'tls',
      tls: 'issuer',
      message: expect.stringContaining('from an issuer that is not trusted'),
      hint: expect.stringContaining('certs.d'),
    });
    await expect(get(own.url)).rejects.toMatchObject({
      kind: 'tls',
      tls: 'issuer',
      message: expect.stringContaining('signed by itself'),
      hint: expect.stringContaining('[hosts."HOST"]'),
    });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a client certificate that is missing, with %s',
    async (version) => {
      const ca = await authority();
      const wants = {
        requestCert: true,
        rejectUnauthorized: true,
        ca: ca.cert,
        minVersion: version,
        maxVersion: version,
      };
      const server = await secure(await issued(ca), wants);
      const trust = { ca: [ca.certPath] };
      const asNobody = network({ hosts: { [server.host]: trust } });
      await expect(get(server.url, asNobody)).rejects.toMatchObject({
        kind: 'tls',
        tls: 'client',
        hint: expect.stringContaining('cert = '),
      });
    },
  );

  it('a client certificate that the server does not take', async () => {
    const [ca, other] = await Promise.all([authority(), authority()]);
    const host = await opensslServer(await issued(ca), ca);
    const mine = await issued(other);
    const settings = { ca: [ca.certPath], cert: mine.certPath, key: mine.keyPath };
    await expect(get(`https://${host}`, network({ hosts: { [host]: settings } }))).rejects.toMatchObject({
      kind: 'tls',
      tls: 'client',
      message: expect.stringContaining('does not take the client certificate'),
    });
  });

  it('a version that is not safe', async () => {
    const own = await selfSigned();
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const server = await secure(own, old);
    await expect(get(server.url, { ca: [own.cert] })).rejects.toMatchObject({ kind: 'tls', tls: 'version' });
  });
});

describeWith(['openssl'], 'certificates by host', () => {
  /** A server that talks only to those for whom its authority vouches. */
  async function mutual() {
    const ca = await authority();
    const server = await secure(await issued(ca), {
      requestCert: true,
      rejectUnauthorized: true,
      ca: ca.cert,
    });
    return { ca, server, client: await issued(ca) };
  }

  it('come from the settings, for the host with its port or for all its ports', async () => {
    const { ca, server, client } = await mutual();
    const settings = { ca: [ca.certPath], cert: client.certPath, key: client.keyPath };
    expect(await get(server.url, network({ hosts: { [server.host]: settings } }))).toBe('hi');
    expect(await get(server.url, network({ hosts: { '127.0.0.1': settings } }))).toBe('hi');
    await expect(get(server.url, network({ hosts: { '127.0.0.1:1': settings } }))).rejects.toMatchObject({
      kind: 'tls',
    });
  });

  it("come from Docker's and Podman's folders, the first that has the host", async () => {
    const { ca, server, client } = await mutual();
    const [empty, folder] = [await temporaryFolder(), await temporaryFolder()];
    const own = join(folder, server.host);
    await mkdir(own);
    await copyFile(ca.certPath, join(own, 'ca.crt'));
    await copyFile(client.certPath, join(own, 'me.cert'));
    await expect(get(server.url, network({ certificateFolders: [empty, folder] }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${join(own, 'me.cert')} has no .key file beside it`,
    });
    await copyFile(client.keyPath, join(own, 'me.key'));
    expect(await get(server.url, network({ certificateFolders: [empty, folder] }))).toBe('hi');
    await mkdir(join(empty, server.host));
    await expect(get(server.url, network({ certificateFolders: [empty, folder] }))).rejects.toMatchObject({
      kind: 'tls',
    });
  });

  it('are not shown to other hosts, nor by connections of theirs', async () => {
    const ca = await authority();
    const wants = { requestCert: true, rejectUnauthorized: true, ca: ca.cert };
    const server = await secure(await issued(ca, 'IP:127.0.0.1,DNS:localhost'), wants);
    const client = await issued(ca);
    const settings = { ca: [ca.certPath], cert: client.certPath, key: client.keyPath };
    const hosts = { localhost: settings, '127.0.0.1': { ca: [ca.certPath] } };
    const http = createHttpClient({ ...network({ hosts }), ca: [ca.cert] });
    onTestFinished(() => http.close());
    const ask = async (url: string) =>
      await text((await http.request({ method: 'GET', url: new URL(url) })).body);
    expect(await ask(server.url.replace('127.0.0.1', 'localhost'))).toBe('hi');
    await expect(ask(server.url)).rejects.toMatchObject({ kind: 'tls', tls: 'client' });
  });

  it('that cannot be read, or are none, are named', async () => {
    const { ca, server, client } = await mutual();
    const folder = await temporaryFolder();
    const [none, rubbish] = [join(folder, 'none.pem'), join(folder, 'rubbish.pem')];
    await writeFile(rubbish, 'no key');
    const trust = { ca: [ca.certPath], cert: client.certPath };
    const with_ = (key: string) => get(server.url, network({ hosts: { '127.0.0.1': { ...trust, key } } }));
    await expect(with_(none)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(none),
    });
    for (const key of [rubbish, ca.keyPath]) {
      await expect(with_(key)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(key),
      });
    }
    for (const wrong of [rubbish, client.keyPath]) {
      const hosts = { '127.0.0.1': { ca: [ca.certPath, wrong] } };
      await expect(get(server.url, network({ hosts }))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `no certificate is in ${wrong}`,
      });
    }
  });
});

describeWith(['openssl'], 'the authorities of this machine', () => {
  it('are asked when nobody else vouches for a host, once', async () => {
    const ca = await authority();
    const server = await secure(await issued(ca));
    let asked = 0;
    const machineCertificates = () => {
      asked += 1;
      return [ca.cert];
    };
    const http = createHttpClient({ machineCertificates });
    onTestFinished(() => http.close());
    const one = async () =>
      await text((await http.request({ method: 'GET', url: new URL(server.url) })).body);
    expect(await Promise.all([one(), one(), one()])).toEqual(['hi', 'hi', 'hi']);
    expect(await one()).toBe('hi');
    expect(asked).toBe(1);
    const own = await secure(await selfSigned());
    await expect(http.request({ method: 'GET', url: new URL(own.url) })).rejects.toMatchObject({
      tls: 'issuer',
    });
  });

  it.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('may be named by %s', async (variable) => {
    const ca = await authority();
    const server = await secure(await issued(ca));
    const script = `
      const { createHttpClient } = await import(${JSON.stringify(new URL('../../src/net/http.ts', import.meta.url).href)});
      const http = createHttpClient();
      const { status } = await http.request({ method: 'GET', url: new URL(process.argv[1]) });
      console.log(status);
      http.close();`;
    const run = (environment: Record<string, string>) =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, server.url], {
        env: { PATH: process.env.PATH, ...environment },
      });
    expect((await run({ [variable]: ca.certPath })).stdout).toBe('200\n');
    await expect(run({})).rejects.toThrow('not trusted');
  });
});

describe('what is no TLS', () => {
  it('is told from TLS that fails', async () => {
    const host = await listenForTest(createServer());
    await expect(get(`https://${host}`)).rejects.toMatchObject({ kind: 'tls' });
    const plain = await serve(hi);
    await expect(get(`https://${plain.host}`)).rejects.toMatchObject({ kind: 'not-tls' });
  });
});
