import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import { randomBlob } from '../contract/target.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import type { OtherQuirks, Place } from '../helpers/quirk-registry/quirks.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { login, me, realClient, targetAt } from './pitfalls/client.ts';

const { descriptor, bytes } = randomBlob(100_000);

type How = NonNullable<OtherQuirks['neverEnds']>['how'];

async function meeting(on: Place, how: How) {
  const registry = await quirkRegistry({ quirks: { neverEnds: { on, how } }, auth: login });
  const seeded = registry.target('team/app');
  await seeded.put(bytesContent(bytes), descriptor);
  const image = await putSmallImage(seeded);
  await seeded.tag(image.descriptor, 'v1');
  // What floods us is stopped by its amount, however slow this machine is at the moment; the others by time.
  const limit = how.startsWith('endless') ? 20_000 : 80;
  const limits = { headersTimeout: limit, idleTimeout: limit, documentTimeout: limit };
  const client = realClient({ credential: me, limits, retry: { attempts: 2 } });
  const target = targetAt(registry, 'team/app', client);
  if (on === 'upload') return await target.put(bytesContent(Buffer.from('new')), { mediaType: 'x/y' });
  if (on === 'manifest') return await buffer(await target.open(image.descriptor));
  return await buffer(await target.open(descriptor));
}

describe('an answer that never ends is given up', () => {
  it.each([
    ['ping', 'headers', 'REGISTRY_UNREACHABLE'],
    ['ping', 'endless-headers', 'REGISTRY_PROTOCOL'],
    ['token', 'headers', 'REGISTRY_UNREACHABLE'],
    ['token', 'drip', 'REGISTRY_UNREACHABLE'],
    ['token', 'endless-body', 'REGISTRY_PROTOCOL'],
    ['blob', 'headers', 'REGISTRY_UNREACHABLE'],
    ['blob', 'drip', 'REGISTRY_UNREACHABLE'],
    ['blob', 'endless-body', 'SIZE_MISMATCH'],
    ['manifest', 'drip', 'REGISTRY_UNREACHABLE'],
    ['manifest', 'endless-headers', 'REGISTRY_PROTOCOL'],
    ['upload', 'headers', 'REGISTRY_UNREACHABLE'],
    ['upload', 'endless-headers', 'REGISTRY_PROTOCOL'],
  ] as const)('%s: %s', async (on, how, code) => {
    await expect(meeting(on, how)).rejects.toMatchObject({ code });
  });

  it.each(['drip', 'endless-body'] as const)('the rest of a ping is not waited for: %s', async (how) => {
    // What a ping must tell is in its headers.
    expect(await meeting('ping', how)).toHaveLength(bytes.length);
  });
});
