import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { login, me, realClient, targetAt } from './client.ts';

it.each(['unauthorized', 'bad-request', 'denied', 'not-found'] as const)(
  'a mount that is refused with %s is an upload',
  async (p01) => {
    const registry = await quirkRegistry({ quirks: { p01 }, auth: login });
    const { descriptor, bytes } = randomBlob();
    const content = {
      ...bytesContent(bytes),
      origins: [{ registry: registry.host, repository: 'other/gone' }],
    };
    const target = targetAt(registry, 'team/app', realClient({ credential: me }));
    expect((await target.put(content, descriptor)).outcome).toBe('sent');
    const posts = registry.requests.filter(({ method, path }) => method === 'POST' && path !== '/token');
    expect(posts.at(-1)).toMatchObject({ query: '', status: 202 });
    expect(posts.filter(({ query }) => query.includes('from=other%2Fgone')).length).toBeGreaterThan(0);
    // The upload itself does not ask for the source any more: some give no token for what is not there.
    expect(registry.receivedBytes()).toBe(bytes.length);
  },
);
