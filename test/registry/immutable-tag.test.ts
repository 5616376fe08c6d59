import { expect, it } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import { MEDIA_TYPES } from '../../src/oci/media-types.ts';
import { blobOf } from '../contract/target.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './pitfalls/client.ts';

const manifest = (n: number) =>
  blobOf(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], n }),
    MEDIA_TYPES.ociIndex,
  );

it('a tag that is refused is right when it is there already, put by who was faster', async () => {
  const registry = await quirkRegistry({ quirks: { p19: 'strict' } });
  const { descriptor, bytes } = manifest(1);
  const target = targetAt(registry);
  // Somebody else put it between the question and the answer.
  await registry.target('team/app').put(bytesContent(bytes), descriptor);
  await registry.target('team/app').tag(descriptor, 'v1');
  await target.put(bytesContent(bytes), descriptor, { tag: 'v1', again: true });
  expect(registry.requests.at(-1)).toMatchObject({ method: 'HEAD', path: '/v2/team/app/manifests/v1' });
});

it.each(['strict', 'other-digest'] as const)('a tag that is another one stays (%s)', async (p19) => {
  const registry = await quirkRegistry({ quirks: { p19 } });
  const [first, second] = [manifest(1), manifest(2)];
  const target = targetAt(registry);
  await target.put(bytesContent(first.bytes), first.descriptor, { tag: 'v1' });
  await target.tag(first.descriptor, 'v1');
  const moved = target.put(bytesContent(second.bytes), second.descriptor, { tag: 'v1' });
  await expect(moved).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' });
  await target.put(bytesContent(second.bytes), second.descriptor);
  await expect(target.tag(second.descriptor, 'v1')).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' });
  expect((await registry.target('team/app').resolve('v1'))?.digest).toBe(first.descriptor.digest);
});
