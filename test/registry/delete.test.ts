import { describe, expect, it } from 'vitest';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage, sha256 } from '../helpers/small-image.ts';
import { login, me, realClient, targetAt } from './pitfalls/client.ts';
import { makeReferrer, putSubject } from './referrer-images.ts';

describe('deleting', () => {
  it('takes a tag and leaves the image, or takes the image with its tags, or a blob', async () => {
    const registry = await quirkRegistry();
    const there = registry.target('team/app');
    const image = await putSmallImage(there);
    for (const tag of ['v1', 'v2']) await there.tag(image.descriptor, tag);
    const target = targetAt(registry);
    expect(await target.remove('v1')).toBe('tag');
    expect([await there.resolve('v1'), await there.resolve('v2')]).toEqual([undefined, image.descriptor]);
    expect(await target.remove(image.config.digest)).toBe('blob');
    expect(await there.has(image.config)).toBe(false);
    expect(await target.remove(image.descriptor.digest)).toBe('manifest');
    expect(await there.resolve('v2')).toBeUndefined();
    for (const gone of ['v1', image.descriptor.digest, sha256('unknown')]) {
      await expect(target.remove(gone)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    }
  });

  it('asks for the right to do so only then', async () => {
    const registry = await quirkRegistry({ auth: login });
    const image = await putSmallImage(registry.target('team/app'));
    await registry.target('team/app').tag(image.descriptor, 'v1');
    const target = targetAt(registry, 'team/app', realClient({ credential: me }));
    await target.resolve('v1');
    await target.tags();
    await target.referrers(image.descriptor.digest);
    const scopes = () =>
      registry.requests
        .filter(({ place }) => place === 'token')
        .map(({ query }) => decodeURIComponent(query));
    expect(scopes().filter((query) => query.includes('delete'))).toEqual([]);
    await target.remove(image.descriptor.digest);
    expect(scopes().filter((query) => query.includes('repository:team/app:pull,delete'))).toHaveLength(1);
  });

  it('is told apart where the registry does not offer it', async () => {
    const registry = await quirkRegistry({ quirks: { noDelete: true } });
    const image = await putSubject(registry.target('team/app'));
    const target = targetAt(registry);
    await expect(target.remove('v1')).rejects.toMatchObject({
      code: 'REGISTRY_UNSUPPORTED',
      hint: expect.stringContaining('by its digest'),
    });
    await expect(target.remove(image.digest)).rejects.toMatchObject({
      code: 'REGISTRY_UNSUPPORTED',
      hint: expect.not.stringContaining('by its digest'),
    });
  });

  it('takes a referrer off the fallback list, and the list itself with the last one', async () => {
    const registry = await quirkRegistry({ quirks: { p11: 'no-api' } });
    const there = registry.target('team/app');
    const subject = await putSubject(there);
    const made = [await makeReferrer(subject, 'text/a'), await makeReferrer(subject, 'text/b')];
    const target = targetAt(registry);
    for (const { send } of made) await send(target);
    const tag = subject.digest.replace(':', '-');
    const [first, second] = made;
    await target.remove(first?.descriptor.digest ?? '');
    expect(await target.referrers(subject.digest)).toEqual([second?.entry]);
    await target.remove(second?.descriptor.digest ?? '');
    expect(await target.referrers(subject.digest)).toEqual([]);
    expect(await there.resolve(tag)).toBeUndefined();
    expect(await there.resolve('v1')).toEqual(subject);
  });
});
