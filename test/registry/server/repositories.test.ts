/** What belongs to a repository, and what does not: nobody learns from one what another holds. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../../src/net/http.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { createRegistryClient } from '../../../src/registry/client.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { type ServedStore, serveStore } from '../../helpers/served-store.ts';
import { putBytes, putJson, putSmallImage, putSmallIndex, sha256, TYPES } from '../../helpers/small-image.ts';

const status = async ({ url }: ServedStore, path: string) => (await fetch(`${url}/v2/${path}`)).status;

async function putReferrer(
  { store }: ServedStore,
  subject: Descriptor,
  artifactType: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Descriptor> {
  const config = await putBytes(store, '{}', 'application/vnd.oci.empty.v1+json');
  const layer = await putBytes(store, artifactType, 'text/plain');
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    artifactType,
    config,
    layers: [layer],
    subject,
  };
  return await putJson(store, { ...manifest, ...more }, TYPES.manifest);
}

const referrersOf = async ({ url }: ServedStore, path: string) => {
  const answer = await fetch(`${url}/v2/${path}`);
  const { manifests } = (await answer.json()) as { manifests: Descriptor[] };
  return { answer, manifests, digests: manifests.map(({ digest }) => digest) };
};

describe('a repository', () => {
  it('holds what its names lead to, through indexes, and nothing of others', async () => {
    const served = await serveStore();
    const { store } = served;
    const index = await putSmallIndex(store, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    await store.tag(index.descriptor, 'team/one:all');
    const other = await putSmallImage(store, { config: { author: 'other' } });
    await store.tag(other.descriptor, 'team/two:latest');
    const unnamed = await putSmallImage(store, { config: { author: 'unnamed' } });
    await store.addRoot?.(unnamed.descriptor);
    const loose = await putBytes(store, 'loose', TYPES.tar);
    for (const { descriptor, config, layers } of index.images) {
      expect(await status(served, `team/one/manifests/${descriptor.digest}`)).toBe(200);
      for (const blob of [config, ...layers])
        expect(await status(served, `team/one/blobs/${blob.digest}`)).toBe(200);
      expect(await status(served, `team/two/manifests/${descriptor.digest}`)).toBe(404);
      expect(await status(served, `team/two/blobs/${config.digest}`)).toBe(404);
    }
    for (const repository of ['team/one', 'team/two']) {
      expect(await status(served, `${repository}/blobs/${loose.digest}`)).toBe(404);
      expect(await status(served, `${repository}/manifests/${unnamed.descriptor.digest}`)).toBe(404);
      expect(await status(served, `${repository}/blobs/${unnamed.config.digest}`)).toBe(404);
    }
    expect(await status(served, `team/one/blobs/${other.config.digest}`)).toBe(404);
    // A prefix of a name is another name.
    expect(await status(served, 'team/tags/list')).toBe(404);
    expect(await status(served, 'team/on/tags/list')).toBe(404);
  });

  it('follows its names at once, those that another process gives and takes too', async () => {
    const served = await serveStore();
    const image = await putSmallImage(served.store);
    const path = `app/blobs/${image.config.digest}`;
    await served.store.tag(image.descriptor, 'app:v1');
    expect(await status(served, path)).toBe(200);
    const other = await openLocalStore(served.store.home);
    try {
      await other.names.remove('app:v1');
      expect(await status(served, path)).toBe(404);
      await other.tag(image.descriptor, 'app:v2');
      expect(await status(served, path)).toBe(200);
    } finally {
      other.close();
    }
    await served.store.names.remove('app:v2');
    expect(await status(served, path)).toBe(404);
  });

  it('goes on with what is whole when a document of it is missing', async () => {
    const served = await serveStore();
    const { store } = served;
    const image = await putSmallImage(store);
    await store.tag(image.descriptor, 'app:v1');
    const missing = { mediaType: TYPES.manifest, digest: sha256('missing'), size: 7 };
    const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [image.descriptor, missing] };
    await store.tag(await putJson(store, index, TYPES.index), 'app:v2');
    expect(await status(served, 'app/manifests/v2')).toBe(200);
    expect(await status(served, `app/blobs/${image.config.digest}`)).toBe(200);
    expect(await status(served, `app/manifests/${missing.digest}`)).toBe(404);
  });
});

describe('referrers', () => {
  it('are an index of what refers to a digest, with artifact types and annotations', async () => {
    const served = await serveStore();
    const image = (await putSmallImage(served.store)).descriptor;
    await served.store.tag(image, 'app:v1');
    const annotations = { 'org.example': 'yes' };
    const sbom = await putReferrer(served, image, 'application/spdx+json', { annotations });
    const typed = { artifactType: undefined };
    const signature = await putReferrer(served, image, 'application/vnd.example.signature', typed);
    const ofReferrer = await putReferrer(served, sbom, 'application/vnd.example.signature');
    for (const root of [sbom, signature, ofReferrer]) await served.store.addRoot?.(root);
    const { answer, manifests } = await referrersOf(served, `app/referrers/${image.digest}`);
    expect(answer.headers.get('content-type')).toBe(TYPES.index);
    const expected = [
      { ...sbom, artifactType: 'application/spdx+json', annotations },
      // Without one of its own, the type is that of its config.
      { ...signature, artifactType: 'application/vnd.oci.empty.v1+json' },
    ];
    expect(manifests).toEqual(expected.sort((a, b) => (a.digest < b.digest ? -1 : 1)));
    expect((await referrersOf(served, `app/referrers/${sbom.digest}`)).digests).toEqual([ofReferrer.digest]);
    const filter = encodeURIComponent('application/spdx+json');
    const filtered = await referrersOf(served, `app/referrers/${image.digest}?artifactType=${filter}`);
    expect(filtered.digests).toEqual([sbom.digest]);
    expect(filtered.answer.headers.get('oci-filters-applied')).toBe('artifactType');
    // They can be pulled as well, with what they hold.
    expect(await status(served, `app/manifests/${ofReferrer.digest}`)).toBe(200);
    expect(await status(served, `app/blobs/${sha256('application/spdx+json')}`)).toBe(200);
  });

  it('are none for an unknown digest, and none in another repository', async () => {
    const served = await serveStore();
    const [one, two] = [
      await putSmallImage(served.store),
      await putSmallImage(served.store, { config: { author: 'b' } }),
    ];
    await served.store.tag(one.descriptor, 'one:v1');
    await served.store.tag(two.descriptor, 'two:v1');
    const referrer = await putReferrer(served, one.descriptor, 'application/spdx+json');
    await served.store.addRoot?.(referrer);
    const unknown = await referrersOf(served, `one/referrers/${sha256('unknown')}`);
    expect([unknown.answer.status, unknown.digests]).toEqual([200, []]);
    expect((await referrersOf(served, `two/referrers/${one.descriptor.digest}`)).digests).toEqual([]);
    expect(await status(served, `two/manifests/${referrer.digest}`)).toBe(404);
    expect(await status(served, 'one/referrers/sha256:1')).toBe(400);
  });

  it('come in pages where they are many', async () => {
    const served = await serveStore();
    const image = (await putSmallImage(served.store)).descriptor;
    await served.store.tag(image, 'app:v1');
    const digests: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const annotations = { large: `${i}`.repeat(900_000) };
      const referrer = await putReferrer(served, image, `application/vnd.example.${i % 2}`, { annotations });
      await served.store.addRoot?.(referrer);
      digests.push(referrer.digest);
    }
    const seen: string[] = [];
    let pages = 0;
    for (let path: string | undefined = `app/referrers/${image.digest}`; path !== undefined; pages += 1) {
      const { answer, digests: page } = await referrersOf(served, path);
      seen.push(...page);
      path = /<\/v2\/([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual(digests.sort());
    expect(pages).toBe(3);
  });
});

describe('our own client', () => {
  it('finds all tags and referrers, over their pages', async () => {
    const served = await serveStore();
    const image = (await putSmallImage(served.store)).descriptor;
    const tags = Array.from({ length: 1100 }, (_, i) => `v${i}`).toSorted();
    for (const tag of tags) await served.store.names.put(`app:${tag}`, image);
    const referrers: string[] = [];
    for (const letter of 'abcde') {
      const annotations = { large: letter.repeat(900_000) };
      const referrer = await putReferrer(served, image, `text/${letter}`, { annotations });
      await served.store.addRoot?.(referrer);
      referrers.push(referrer.digest);
    }
    const http = createHttpClient();
    onTestFinished(() => http.close());
    const client = createRegistryClient({ http, retry: { attempts: 1 } });
    const target = createRegistryTarget({ client, reference: { registry: served.host, repository: 'app' } });
    expect(await target.tags()).toEqual(tags);
    expect((await target.referrers(image.digest)).map(({ digest }) => digest)).toEqual(referrers.sort());
    expect(await target.referrers(image.digest, { artifactType: 'text/a' })).toHaveLength(1);
    await expect(target.remove('v1')).rejects.toMatchObject({ code: 'REGISTRY_UNSUPPORTED' });
  });
});

describe('tags', () => {
  const list = async ({ url }: ServedStore, query: string) => {
    const answer = await fetch(`${url}/v2/app/tags/list${query}`);
    const { tags } = (await answer.json()) as { tags: string[] };
    return { tags, link: answer.headers.get('link'), status: answer.status };
  };

  it('are listed in the order of their bytes, n at a time, each page linking the next', async () => {
    const served = await serveStore();
    const image = (await putSmallImage(served.store)).descriptor;
    const names = ['B', 'a', '1', '_', 'b.2', 'b-1', 'latest'];
    for (const name of names) await served.store.tag(image, `app:${name}`);
    const sorted = ['1', 'B', '_', 'a', 'b-1', 'b.2', 'latest'];
    expect(await list(served, '')).toMatchObject({ tags: sorted, link: null });
    expect(await list(served, '?n=3')).toEqual({
      tags: sorted.slice(0, 3),
      link: '</v2/app/tags/list?n=3&last=_>; rel="next"',
      status: 200,
    });
    expect(await list(served, '?n=3&last=_')).toMatchObject({ tags: sorted.slice(3, 6) });
    expect(await list(served, '?n=3&last=b.2')).toEqual({ tags: ['latest'], link: null, status: 200 });
    expect(await list(served, '?last=b')).toMatchObject({ tags: ['b-1', 'b.2', 'latest'] });
    expect(await list(served, '?n=0')).toEqual({ tags: [], link: null, status: 200 });
    expect((await fetch(`${served.url}/v2/app/tags/list?n=-1`)).status).toBe(400);
  });
});
