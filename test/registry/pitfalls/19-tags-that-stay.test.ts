import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { copy } from '../../../src/oci/copy.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage, putSmallIndex } from '../../helpers/small-image.ts';
import { targetAt } from './client.ts';

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
];

it('of an index only the index gets the tag: its images are put by their digests', async () => {
  const registry = await quirkRegistry({ quirks: { p19: 'strict' } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallIndex(memory, PLATFORMS);
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  const puts = registry.requests.filter(({ method, place }) => method === 'PUT' && place === 'manifest');
  const references = puts.map(({ path }) => path.replace('/v2/team/app/manifests/', ''));
  expect(references.filter((reference) => !reference.startsWith('sha256:'))).toEqual(['v1']);
  expect(references.at(-1)).toBe('v1');
  expect(references).toHaveLength(4);
});

it('a tag that is right already is not touched', async () => {
  const registry = await quirkRegistry({ quirks: { p19: 'strict' } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  registry.forget();
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  expect(registry.requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
});

it('a tag that is refused is right when it names this image already: somebody was faster', async () => {
  const registry = await quirkRegistry({ quirks: { p19: 'strict' } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  const bytes = await buffer(await memory.open(descriptor));
  // As it is asked for: the tag was not there yet.
  await targetAt(registry).put(bytesContent(bytes), descriptor, { tag: 'v1', again: true });
  expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
});

it('a tag that is refused may be right: who put it there did not hear of it', async () => {
  const lostAnswer = { on: 'manifest', times: 1 } as const;
  const registry = await quirkRegistry({ quirks: { p19: 'strict', lostAnswer } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  expect(await registry.target('team/app').resolve('v1')).toEqual(descriptor);
  expect(registry.requests.filter(({ status }) => status === 400)).toHaveLength(1);
});

it('a tag that names another image stays, and that is told', async () => {
  const registry = await quirkRegistry({ quirks: { p19: 'other-digest' } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  const other = await putSmallImage(registry.target('team/app'), { compression: 'tar' });
  await registry.target('team/app').tag(other.descriptor, 'v1');
  const copied = copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  await expect(copied).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' });
  expect(await registry.target('team/app').resolve('v1')).toEqual(other.descriptor);
});
