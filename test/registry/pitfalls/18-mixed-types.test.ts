import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-types.ts';
import { blobOf } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { targetAt } from './client.ts';

const TYPES = ['ociIndex', 'ociManifest', 'dockerManifestList', 'dockerManifest'] as const;

it.each(TYPES)('what a registry has is found whatever its type (%s)', async (type) => {
  const registry = await quirkRegistry({ quirks: { p18: 'accept' } });
  const { descriptor, bytes } = blobOf(JSON.stringify({ mediaType: MEDIA_TYPES[type] }), MEDIA_TYPES[type]);
  await registry.target('team/app').put(bytesContent(bytes), descriptor);
  await registry.target('team/app').tag(descriptor, 'v1');
  const target = targetAt(registry);
  expect(await target.resolve('v1')).toEqual(descriptor);
  expect(await target.has(descriptor)).toBe(true);
  expect(Buffer.compare(await buffer(await target.open(descriptor)), bytes)).toBe(0);
});

it.each(TYPES)('a manifest is sent as what it says it is (%s)', async (type) => {
  const registry = await quirkRegistry({ quirks: { p18: 'media-type' } });
  const { descriptor, bytes } = blobOf(JSON.stringify({ mediaType: MEDIA_TYPES[type] }), MEDIA_TYPES[type]);
  expect((await targetAt(registry).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
});
