import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/net/http.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { targetContract } from '../contract/target.ts';
import { describeWith, engineOrThrow } from './engines.ts';
import { type QuirkRegistryOptions, quirkRegistry } from './quirk-registry/quirk-registry.ts';
import { putSmallImage, putSmallIndex } from './small-image.ts';
import { temporaryFolder } from './temp.ts';

async function freshTarget() {
  const { host } = await quirkRegistry();
  const http = createHttpClient();
  onTestFinished(() => http.close());
  const client = createRegistryClient({ http, retry: { attempts: 1 } });
  return createRegistryTarget({ client, reference: { registry: host, repository: 'team/app' } });
}

targetContract('a quirk registry without a quirk', freshTarget);

const run = promisify(execFile);

// What our own client takes for a registry must be one to others too.
describeWith(['skopeo'], 'a quirk registry without a quirk, as skopeo sees it', () => {
  async function skopeo(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(engineOrThrow('skopeo'), ['--insecure-policy', ...args]);
    return stdout;
  }
  const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  const auth = { kind: 'token', users: { me: 'hunter2' } } as const;
  const open: [string, QuirkRegistryOptions, string[]] = ['without a login', {}, []];
  const closed: [string, QuirkRegistryOptions, string[]] = [
    'with tokens',
    { auth },
    ['--src-creds=me:hunter2', '--dest-creds=me:hunter2'],
  ];

  it.each([open, closed])('takes and gives images and indexes %s', async (_how, options, login) => {
    const registry = await quirkRegistry(options);
    const folder = await temporaryFolder();
    const index = await putSmallIndex(registry.target('team/a'), [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    await registry.target('team/a').tag(index.descriptor, 'v1');
    const from = `docker://${registry.host}/team/a:v1`;
    await skopeo('copy', '--all', ...plain, ...login, from, `dir:${folder}`);
    await skopeo('copy', '--all', ...plain, ...login, `dir:${folder}`, `docker://${registry.host}/team/b:v2`);
    expect(await registry.target('team/b').resolve('v2')).toEqual(index.descriptor);
    expect(registry.sessions.size).toBe(0);
  });

  it('lists tags page by page and deletes', async () => {
    const registry = await quirkRegistry();
    const image = await putSmallImage(registry.target('team/a'));
    const tags = Array.from({ length: 250 }, (_, i) => `t${i}`);
    for (const tag of tags) await registry.target('team/a').tag(image.descriptor, tag);
    const listed = await skopeo('list-tags', '--tls-verify=false', `docker://${registry.host}/team/a`);
    expect(JSON.parse(listed).Tags).toEqual(tags.toSorted());
    await skopeo('delete', '--tls-verify=false', `docker://${registry.host}/team/a:t7`);
    expect(await registry.target('team/a').resolve('t8')).toBeUndefined();
  });
});

describeWith(['conformance'], 'a quirk registry without a quirk, as the official program sees it', () => {
  it('conforms to distribution-spec 1.1, pushing and all', { timeout: 120_000 }, async () => {
    const registry = await quirkRegistry({ quirks: { anonymousMount: true } });
    const folder = await temporaryFolder();
    const { stdout } = await run(engineOrThrow('conformance'), [], {
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        OCI_REGISTRY: registry.host,
        OCI_TLS: 'disabled',
        OCI_REPO1: 'conformance/one',
        OCI_REPO2: 'conformance/two',
        OCI_VERSION: '1.1',
        OCI_RESULTS_DIR: folder,
      },
    });
    const counts = stdout.slice(stdout.lastIndexOf('OCI Conformance Result'));
    expect(counts).toMatch(/Result: Pass/);
    expect(Number(/\bPass\.+: +(\d+)/.exec(counts)?.[1])).toBeGreaterThan(800);
    expect(counts).toMatch(/FAIL\.+: +0\b/);
    expect(counts).toMatch(/Error\.+: +0\b/);
  });
});

describe('a quirk registry', () => {
  it('records every request with its bytes', async () => {
    const registry = await quirkRegistry();
    const answer = await fetch(`${registry.url}/v2/team/a/blobs/uploads/?digest=sha256:0`, {
      method: 'POST',
      body: Buffer.alloc(1000),
    });
    expect(answer.status).toBe(400);
    expect(registry.requests).toMatchObject([
      { method: 'POST', place: 'upload', repository: 'team/a', receivedBytes: 1000, status: 400 },
    ]);
    expect(registry.receivedBytes()).toBe(1000);
  });
});
