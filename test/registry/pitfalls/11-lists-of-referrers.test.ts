import { expect, it } from 'vitest';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { type QuirkRegistry, quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { makeReferrer, putSubject } from '../referrer-images.ts';
import { realClient, targetAt } from './client.ts';

const byDigest = (a: Descriptor, b: Descriptor) => (a.digest < b.digest ? -1 : 1);
const fallbackOf = (subject: Descriptor) => subject.digest.replace(':', '-');
const puts = (registry: QuirkRegistry) =>
  registry.lines().filter((line) => line.startsWith('PUT /v2/team/app/manifests/'));

it('a registry with a list of its own is asked for it, and given no tag', async () => {
  const registry = await quirkRegistry();
  const subject = await putSubject(registry.target('team/app'));
  const [sbom, other] = [await makeReferrer(subject, 'text/sbom'), await makeReferrer(subject, 'text/other')];
  const target = targetAt(registry);
  for (const { send } of [sbom, other]) await send(target);
  expect((await target.referrers(subject.digest)).toSorted(byDigest)).toEqual(
    [sbom.entry, other.entry].sort(byDigest),
  );
  expect(await target.referrers(subject.digest, { artifactType: 'text/sbom' })).toEqual([sbom.entry]);
  expect(puts(registry)).toHaveLength(2);
});

it.each(['no-api', 'redirect'] as const)('without such a list (%s) the fallback tag is one', async (p11) => {
  const registry = await quirkRegistry({ quirks: { p11 } });
  const subject = await putSubject(registry.target('team/app'));
  const [sbom, other] = [await makeReferrer(subject, 'text/sbom'), await makeReferrer(subject, 'text/other')];
  const target = targetAt(registry);
  expect(await target.referrers(subject.digest)).toEqual([]);
  for (const { send } of [sbom, other]) await send(target);
  expect(await target.referrers(subject.digest)).toEqual([sbom.entry, other.entry]);
  expect(await target.referrers(subject.digest, { artifactType: 'text/sbom' })).toEqual([sbom.entry]);
  expect((await registry.target('team/app').resolve(fallbackOf(subject)))?.mediaType).toContain('index');
  // Once more changes nothing, not even where a first run ended between the manifest and the tag.
  registry.forget();
  await sbom.send(target);
  expect(puts(registry)).toEqual([]);
  registry.repository('team/app').tags.delete(fallbackOf(subject));
  await sbom.send(target);
  expect(await target.referrers(subject.digest)).toEqual([sbom.entry]);
});

it('what another writer adds between our reading and writing stays', async () => {
  const registry = await quirkRegistry({ quirks: { p11: 'no-api' } });
  const subject = await putSubject(registry.target('team/app'));
  const target = targetAt(registry);
  await (await makeReferrer(subject, 'text/first')).send(target);
  // The manifest is there already: the first PUT is that of the list.
  const sbom = await makeReferrer(subject, 'text/sbom');
  await sbom.send(registry.target('team/app'));
  registry.become({ p11: 'lost-update' });
  registry.forget();
  await sbom.send(target);
  const types = (await target.referrers(subject.digest)).map(({ artifactType }) => artifactType);
  expect(types).toEqual(['text/first', 'application/other', 'text/sbom']);
  expect(registry.requests.filter(({ method }) => method === 'PUT').map(({ status }) => status)).toEqual([
    412, 201,
  ]);
});

it('what another writer took away behind us is written once more', async () => {
  const registry = await quirkRegistry({ quirks: { p11: 'no-api' } });
  const subject = await putSubject(registry.target('team/app'));
  const client = realClient();
  let writes = 0;
  const send: typeof client.send = async (request) => {
    const response = await client.send(request);
    if (request.method !== 'PUT' || !request.what.includes(fallbackOf(subject))) return response;
    writes += 1;
    if (writes === 1) registry.repository('team/app').tags.delete(fallbackOf(subject));
    return response;
  };
  const sbom = await makeReferrer(subject, 'text/sbom');
  await sbom.send(targetAt(registry, 'team/app', { ...client, send }));
  expect(writes).toBe(2);
  expect(await targetAt(registry).referrers(subject.digest)).toEqual([sbom.entry]);
});

it('of what one process adds at once nothing is lost, from whichever target', async () => {
  const registry = await quirkRegistry({ quirks: { p11: 'no-api' } });
  const subject = await putSubject(registry.target('team/app'));
  const client = realClient();
  const made = await Promise.all([...'abcdefgh'].map((name) => makeReferrer(subject, `text/${name}`)));
  await Promise.all(made.map(({ send }) => send(targetAt(registry, 'team/app', client))));
  const found = await targetAt(registry).referrers(subject.digest);
  expect(found.toSorted(byDigest)).toEqual(made.map(({ entry }) => entry).sort(byDigest));
});

it('a tag that is the image itself is no list of referrers', async () => {
  const registry = await quirkRegistry({ quirks: { p11: 'gitlab-tag' } });
  const subject = await putSubject(registry.target('team/app'));
  const target = targetAt(registry);
  expect(await target.referrers(subject.digest)).toEqual([]);
  const sbom = await makeReferrer(subject, 'text/sbom');
  await expect(sbom.send(target)).rejects.toMatchObject({
    code: 'REGISTRY_UNSUPPORTED',
    message: expect.stringContaining('keeps no referrers'),
  });
});

it('an index that a tag is taken for is told by its digest', async () => {
  const registry = await quirkRegistry({ quirks: { p11: 'gitlab-tag' } });
  const there = registry.target('team/app');
  const image = await putSubject(there);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [image] }));
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const { descriptor } = await there.put(
    {
      reopenable: true,
      open: async () => (await import('node:stream')).Readable.from([bytes], { objectMode: false }),
    },
    { mediaType },
  );
  expect(await targetAt(registry).referrers(descriptor.digest)).toEqual([]);
});
