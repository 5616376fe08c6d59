/**
 * One suite over every registry that can be had: what holds for all, and by name what does not.
 *
 * crane's `registry serve` is not fully conformant (go-containerregistry#1661): it keeps blobs of all repositories
 * together and forgets manifests when it ends. olareg has what distribution has not: referrers, anonymous mount.
 */
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/net/http.ts';
import { bytesContent, type Content } from '../../src/oci/content.ts';
import { copy } from '../../src/oci/copy.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { deleteContent } from '../../src/registry/delete.ts';
import { listReferrers } from '../../src/registry/referrers.ts';
import { createRegistryTarget, type RegistryTarget } from '../../src/registry/registry-target.ts';
import { listTags } from '../../src/registry/tags.ts';
import { randomBlob, targetContract } from '../contract/target.ts';
import { describeWith, type EngineName } from '../helpers/engines.ts';
import type { Stream } from '../helpers/fault-proxy/faults.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy/proxy.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { type RegistryKind, startRegistry } from '../helpers/registry.ts';
import { describeBytes, putSmallImage, putSmallIndex, TYPES } from '../helpers/small-image.ts';

interface Differences {
  /** A blob that another repository has: asked for, it is there already where blobs belong to no repository. */
  readonly otherRepository: 'mounted' | 'existing';
  /** After a cut in the middle of a blob. */
  readonly brokenPush: 'goes on' | 'starts over';
  /** POST with `mount=` and no `from`. */
  readonly anonymousMount: number;
  /** GET of the referrers of what has none. */
  readonly referrers: number;
  /** GET of an upload session, the status of what has come so far. */
  readonly sessionStatus: number;
  /** DELETE of an upload session. */
  readonly cancel: number;
  readonly deleteTag: number;
  readonly deleteManifest: number;
  /** A tag whose manifest was deleted is no more. */
  readonly tagsGoToo: boolean;
  readonly deleteBlob: number;
  /** PUT of a manifest whose layer is not there. */
  readonly missingLayer: number;
}

type Kind = RegistryKind | 'quirk registry';

/** What most do: as the specification has it, but for the optional anonymous mount. */
const COMMON: Differences = {
  otherRepository: 'mounted',
  brokenPush: 'goes on',
  anonymousMount: 202,
  referrers: 200,
  sessionStatus: 204,
  cancel: 204,
  deleteTag: 202,
  deleteManifest: 202,
  tagsGoToo: true,
  deleteBlob: 202,
  missingLayer: 400,
};

const DIFFERENCES: Readonly<Record<Kind, Differences>> = {
  distribution3: { ...COMMON, referrers: 404 },
  // A tag cannot be deleted: its manifest can, with all its tags.
  'docker-registry': { ...COMMON, brokenPush: 'starts over', referrers: 404, deleteTag: 400 },
  crane: {
    ...COMMON,
    otherRepository: 'existing',
    brokenPush: 'starts over',
    referrers: 404,
    sessionStatus: 400,
    cancel: 400,
    tagsGoToo: false,
    missingLayer: 201,
  },
  olareg: COMMON,
  'quirk registry': { ...COMMON, brokenPush: 'starts over', missingLayer: 404 },
};

const ENGINE: Readonly<Record<RegistryKind, EngineName>> = {
  distribution3: 'registry',
  'docker-registry': 'docker-registry',
  crane: 'crane',
  olareg: 'olareg',
};

/** `127.0.0.1:PORT` of one that is there for the current test. */
async function start(kind: Kind): Promise<string> {
  if (kind === 'quirk registry') return (await quirkRegistry()).host;
  const registry = await startRegistry({ kind });
  onTestFinished(() => registry.stop());
  return registry.host;
}

function connect(registry: string, repository: string): RegistryTarget {
  const http = createHttpClient();
  onTestFinished(() => http.close());
  const client = createRegistryClient({ http, retry: { baseDelay: 1, attempts: 3 } });
  return createRegistryTarget({ client, reference: { registry, repository } });
}

/** In front of a registry, and ends one connection when so many bytes have passed. */
async function proxyThatEnds(host: string, stream: Stream, at: number): Promise<FaultProxy> {
  const upstream = { port: Number(host.split(':')[1]), kill: async () => {}, start: async () => {} };
  const proxy = await startFaultProxy(upstream, [{ stream, at, action: { kind: 'end' } }]);
  onTestFinished(proxy.stop);
  return proxy;
}

const freshName = (): string => `team/app-${randomBytes(6).toString('hex')}`;

function suite(kind: Kind): void {
  const differences = DIFFERENCES[kind];

  targetContract(`a repository of ${kind}`, async () => connect(await start(kind), freshName()));

  it('takes an image and an index, byte for byte, and gives them back', async () => {
    const host = await start(kind);
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    const index = await putSmallIndex(from, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const to = connect(host, 'team/app');
    for (const [tag, { descriptor }] of [
      ['v1', image],
      ['all', index],
    ] as const) {
      await copy(from, to, descriptor, { tag });
      const back = createMemoryTarget();
      const again = connect(host, 'team/app');
      expect(await again.resolve(tag)).toEqual(descriptor);
      await copy(again, back, descriptor, { tag });
      expect(await back.resolve(tag)).toEqual(descriptor);
      expect((await copy(from, connect(host, 'team/app'), descriptor, { tag })).sentBytes).toBe(0);
    }
  });

  it(`has a blob of another repository: ${differences.otherRepository}`, async () => {
    const host = await start(kind);
    const { descriptor, bytes } = randomBlob(100_000);
    const from = connect(host, 'team/one');
    await from.put(bytesContent(bytes), descriptor);
    const origin = from.origin?.(descriptor);
    const open = () => Promise.reject(new Error('opened'));
    const content: Content = { open, reopenable: true, origins: origin === undefined ? [] : [origin] };
    const to = connect(host, 'team/two');
    expect((await to.put(content, descriptor)).outcome).toBe(differences.otherRepository);
    expect(Buffer.compare(await buffer(await to.open(descriptor)), bytes)).toBe(0);
  });

  it('goes on with a pull where it broke', async () => {
    const host = await start(kind);
    const { descriptor, bytes } = randomBlob(600_000);
    await connect(host, 'team/app').put(bytesContent(bytes), descriptor);
    const proxy = await proxyThatEnds(host, 'answer-body', 250_000);
    const got = await buffer(await connect(proxy.host, 'team/app').open(descriptor));
    expect(Buffer.compare(got, bytes)).toBe(0);
    expect(proxy.happened).toHaveLength(1);
    // What was under way when it broke comes twice.
    expect(proxy.counts['answer-body']).toBeLessThan(600_000 + 250_000);
  });

  it(`has its upload cut off, and ${differences.brokenPush}`, async () => {
    const host = await start(kind);
    const { descriptor, bytes } = randomBlob(2_000_000);
    const proxy = await proxyThatEnds(host, 'request-body', 1_500_000);
    const to = connect(proxy.host, 'team/app');
    expect((await to.put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
    expect(proxy.happened).toHaveLength(1);
    expect(Buffer.compare(await buffer(await to.open(descriptor)), bytes)).toBe(0);
    // From the beginning, or from what the registry has, which may not be all that it was sent.
    if (differences.brokenPush === 'starts over') expect(proxy.uploadBytes()).toBe(3_500_000);
    else expect(proxy.uploadBytes()).toBeLessThan(3_500_000);
  });

  it('lists its tags, finds who refers to an image, and deletes, or says that it cannot', async () => {
    const host = await start(kind);
    const http = createHttpClient();
    onTestFinished(() => http.close());
    const client = createRegistryClient({ http, retry: { baseDelay: 1, attempts: 3 } });
    const repository = { registry: host, repository: 'team/app' };
    const from = createMemoryTarget();
    const image = await putSmallImage(from);
    // Of another image: deleting the one must not take the tag of the other.
    const other = await putSmallImage(from, { config: { author: 'other' } });
    const { mediaType, digest, size } = image.descriptor;
    const referrer = await putSmallImage(from, {
      manifest: { artifactType: 'application/x.sbom', subject: { mediaType, digest, size } },
    });
    const to = connect(host, 'team/app');
    await copy(from, to, image.descriptor, { tag: 'v1' });
    await copy(from, to, other.descriptor, { tag: 'v2' });
    await copy(from, to, referrer.descriptor);

    const tags = (await listTags(client, repository)).filter((tag) => !tag.startsWith('sha256-'));
    expect(tags.toSorted()).toEqual(['v1', 'v2']);
    const referrers = await listReferrers(client, repository, digest);
    expect(referrers.map((one) => [one.digest, one.artifactType])).toEqual([
      [referrer.descriptor.digest, 'application/x.sbom'],
    ]);
    const deleteTag = deleteContent(client, repository, 'v2');
    if (differences.deleteTag === 202) expect(await deleteTag).toBe('tag');
    else await expect(deleteTag).rejects.toMatchObject({ code: 'REGISTRY_UNSUPPORTED' });
    expect(await deleteContent(client, repository, referrer.descriptor.digest)).toBe('manifest');
    expect(await listReferrers(client, repository, digest)).toEqual([]);
    expect(await deleteContent(client, repository, digest)).toBe('manifest');
    expect((await to.resolve('v1')) === undefined).toBe(differences.tagsGoToo);
  });

  it('differs from others as is written here', async () => {
    const url = `http://${await start(kind)}`;
    const repository = `${url}/v2/team/app`;
    const target = connect(url.slice('http://'.length), 'team/app');
    const image = await putSmallImage(target);
    await target.tag(image.descriptor, 'v1');
    await target.tag(image.descriptor, 'v2');
    const { digest } = image.descriptor;
    const ask = async (method: string, path: string, body?: string): Promise<Response> => {
      const headers = body === undefined ? {} : { 'content-type': TYPES.manifest };
      const response = await fetch(new URL(path, `${repository}/`), { method, headers, body: body ?? null });
      await response.arrayBuffer();
      return response;
    };
    const status = async (...request: Parameters<typeof ask>): Promise<number> =>
      (await ask(...request)).status;
    const session = async (): Promise<string> =>
      (await ask('POST', `${repository}/blobs/uploads/`)).headers.get('location') ?? '';
    const other = `${url}/v2/team/other/blobs/uploads/?mount=${image.layers[0]?.digest}`;
    const config = { ...image.config };
    const missing = {
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config,
      layers: [describeBytes('x', TYPES.gzip)],
    };
    const found: Differences = {
      otherRepository: differences.otherRepository,
      brokenPush: differences.brokenPush,
      tagsGoToo: differences.tagsGoToo,
      anonymousMount: await status('POST', other),
      referrers: await status('GET', `referrers/${digest}`),
      sessionStatus: await status('GET', await session()),
      cancel: await status('DELETE', await session()),
      missingLayer: await status('PUT', 'manifests/missing', JSON.stringify(missing)),
      deleteTag: await status('DELETE', 'manifests/v2'),
      deleteManifest: await status('DELETE', `manifests/${digest}`),
      deleteBlob: await status('DELETE', `blobs/${image.layers[0]?.digest}`),
    };
    expect(found).toEqual(differences);
  });
}

describe('quirk registry', () => suite('quirk registry'));
for (const [kind, engine] of Object.entries(ENGINE)) {
  describeWith([engine], kind, () => suite(kind as RegistryKind));
}
