import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { targetAt } from './client.ts';

describe('a registry that does not mount everything', () => {
  it.each(['unreferenced', 'never'] as const)(
    'gets the bytes into the session that it opened instead (%s)',
    async (p05) => {
      const registry = await quirkRegistry({ quirks: { p05 } });
      const { descriptor, bytes } = randomBlob();
      await registry.target('base/debian').put(bytesContent(bytes), descriptor);
      const origins = [{ registry: registry.host, repository: 'base/debian' }];
      const result = await targetAt(registry).put({ ...bytesContent(bytes), origins }, descriptor);
      expect([result.outcome, registry.receivedBytes()]).toEqual(['sent', bytes.length]);
      // One POST: the 202 that declined is the session.
      expect(registry.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
      expect(registry.sessions.size).toBe(0);
    },
  );

  it('mounts what a manifest names', async () => {
    const registry = await quirkRegistry({ quirks: { p05: 'unreferenced' } });
    const { layers } = await putSmallImage(registry.target('base/debian'));
    const [layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    const origins = [{ registry: registry.host, repository: 'base/debian' }];
    const content = { ...bytesContent(Buffer.from('not opened')), origins };
    expect((await targetAt(registry).put(content, layer)).outcome).toBe('mounted');
  });
});
