import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { Content } from '../../../src/oci/content.ts';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { realClient, targetAt } from './client.ts';

const { descriptor, bytes } = randomBlob();

it.each(['bad-request', 'server-error', 'size'] as const)(
  'a blob that another process brought meanwhile is there, whatever the registry says (%s)',
  async (p16) => {
    const registry = await quirkRegistry({ quirks: { p16 } });
    const content: Content = {
      reopenable: true,
      open: async () => {
        // The other one is done while this one is at its bytes.
        await registry.target('team/app').put(bytesContent(bytes), descriptor);
        return Readable.from([bytes], { objectMode: false });
      },
    };
    expect((await targetAt(registry).put(content, descriptor)).outcome).toBe('existing');
  },
);

it('one process sends a blob once to a repository, and beside that to another registry', async () => {
  const [registry, other] = [await quirkRegistry({ quirks: { p16: 'bad-request' } }), await quirkRegistry()];
  const client = realClient();
  const targets = [
    targetAt(registry, 'team/app', client),
    targetAt(registry, 'team/app', client),
    targetAt(registry, 'team/two', client),
    targetAt(other, 'team/app', client),
  ];
  const results = await Promise.all(targets.map((target) => target.put(bytesContent(bytes), descriptor)));
  // Within a registry the second repository waits for the first and mounts from there.
  expect(results.map(({ outcome }) => outcome)).toEqual(['sent', 'existing', 'mounted', 'sent']);
  expect([registry.receivedBytes(), other.receivedBytes()]).toEqual([bytes.length, bytes.length]);
});
