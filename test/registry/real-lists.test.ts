/** Tags, referrers and deleting at real registries; these have no list of referrers, and one deletes no single tag. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { describeWith } from '../helpers/engines.ts';
import { type RegistryKind, startRegistry } from '../helpers/registry.ts';
import { putSmallImage, sha256 } from '../helpers/small-image.ts';
import { realClient } from './pitfalls/client.ts';
import { makeReferrer } from './referrer-images.ts';

const KINDS = [
  ['distribution3', 'registry', true],
  ['docker-registry', 'docker-registry', false],
] as const satisfies readonly (readonly [RegistryKind, string, boolean])[];

describe.each(KINDS)('%s', (kind, engine, deletesTags) => {
  describeWith([engine], 'without authentication', () => {
    it('lists tags, keeps referrers under the fallback tag, and deletes', async () => {
      const registry = await startRegistry({ kind });
      onTestFinished(() => registry.stop());
      const client = realClient();
      const target = createRegistryTarget({
        client,
        reference: { registry: registry.host, repository: 'team/app' },
      });
      await expect(target.tags()).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
      const { descriptor } = await putSmallImage(target);
      for (const tag of ['v1', 'v2']) await target.tag(descriptor, tag);
      expect(await target.tags()).toEqual(['v1', 'v2']);
      expect(await target.referrers(descriptor.digest)).toEqual([]);
      const made = await Promise.all(['text/a', 'text/b'].map((type) => makeReferrer(descriptor, type)));
      await Promise.all(made.map(({ send }) => send(target)));
      const found = await target.referrers(descriptor.digest);
      expect(found.map(({ digest }) => digest).sort()).toEqual(
        made.map((one) => one.descriptor.digest).sort(),
      );
      for (const one of made) expect(await target.remove(one.descriptor.digest)).toBe('manifest');
      expect(await target.referrers(descriptor.digest)).toEqual([]);
      expect(await target.tags()).toEqual(['v1', 'v2']);
      if (deletesTags) {
        expect(await target.remove('v1')).toBe('tag');
        expect(await target.tags()).toEqual(['v2']);
      } else {
        await expect(target.remove('v1')).rejects.toMatchObject({ code: 'REGISTRY_UNSUPPORTED' });
      }
      expect(await target.remove(descriptor.digest)).toBe('manifest');
      expect(await target.resolve('v2')).toBeUndefined();
      await expect(target.remove(sha256('unknown'))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    });
  });
});
