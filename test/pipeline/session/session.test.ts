import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import { randomBlob } from '../../contract/target.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

it('closes all that was opened, also where something of it cannot be closed', async () => {
  const environment = pipelineEnvironment(await temporaryFolder());
  const closed: string[] = [];
  const run = withSession(environment, async (session) => {
    session.defer(async () => void closed.push('first'));
    session.defer(() => Promise.reject(new Error('stuck')));
    session.defer(async () => void closed.push('last'));
    return session;
  });
  await expect(run).rejects.toThrow('stuck');
  expect(closed).toEqual(['last', 'first']);
});

it('remembers where blobs were seen for the next run, which mounts from there', async () => {
  const registry = await quirkRegistry();
  const environment = pipelineEnvironment(await temporaryFolder());
  (await openLocalStore(environment.home)).close();
  const { descriptor, bytes } = randomBlob(100_000);
  const put = (name: string) =>
    withSession(environment, async (session) => {
      const target = session.registry({ registry: registry.host, repository: name }, 'push');
      return (await target.put(bytesContent(bytes), descriptor)).outcome;
    });
  expect([await put('team/one'), await put('team/two')]).toEqual(['sent', 'mounted']);
  registry.repository('team/one').blobs.clear();
  registry.repository('team/two').blobs.clear();
  // Declined there, it is forgotten there.
  expect([await put('team/three'), await put('team/four')]).toEqual(['sent', 'mounted']);
  const from = registry.requests.filter(({ method }) => method === 'POST').map(({ query }) => query);
  expect(from.at(-1)).toContain('from=team%2Fthree');
});

it('makes no store only to remember where blobs are', async () => {
  const registry = await quirkRegistry();
  const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'));
  const { descriptor, bytes } = randomBlob();
  await withSession(environment, async (session) => {
    const target = session.registry({ registry: registry.host, repository: 'team/app' }, 'push');
    await target.put(bytesContent(bytes), descriptor);
  });
  expect(existsSync(environment.home)).toBe(false);
});

it('a home where nothing can be kept fails no push, and says so once', async () => {
  const registry = await quirkRegistry();
  const folder = await temporaryFolder();
  await writeFile(`${folder}/index.sqlite`, 'no database');
  const environment = pipelineEnvironment(folder);
  const { descriptor, bytes } = randomBlob();
  const outcome = await withSession(environment, async (session) => {
    const target = session.registry({ registry: registry.host, repository: 'team/app' }, 'push');
    return (await target.put(bytesContent(bytes), descriptor)).outcome;
  });
  expect(outcome).toBe('sent');
  expect(environment.events).toEqual([expect.objectContaining({ type: 'warning', code: 'FACTS_NOT_KEPT' })]);
});

it('passes on what registries warn of, once, and finds credentials in every place', async () => {
  const auth = { kind: 'token', users: { me: 'hunter2' } } as const;
  const registry = await quirkRegistry({ auth, quirks: { warning: 'this registry closes in May' } });
  const entry = { auth: Buffer.from('me:hunter2').toString('base64') };
  const text = JSON.stringify({ auths: { [registry.host]: entry } });
  const environment = pipelineEnvironment(await temporaryFolder(), {
    credentialPlaces: [{ kind: 'variable', name: 'DOCKER_AUTH_CONFIG', text }],
  });
  const { descriptor, bytes } = randomBlob();
  await withSession(environment, async (session) => {
    const target = session.registry({ registry: registry.host, repository: 'team/app' }, 'push');
    await target.put(bytesContent(bytes), descriptor);
  });
  const message = `${registry.host}: this registry closes in May`;
  expect(environment.events).toEqual([{ type: 'warning', code: 'REGISTRY_WARNING', message }]);
});
