import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunHelper } from '../../../src/engines/credential-helper.ts';
import { bytesContent } from '../../../src/oci/content.ts';
import { registryCredentials } from '../../../src/registry/auth/stored-credentials.ts';
import { randomBlob } from '../../contract/target.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const noHelper: RunHelper = () => Promise.reject(new Error('no helper is expected'));

async function configured(config: unknown, runHelper: RunHelper = noHelper) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return {
    folder,
    source: registryCredentials([{ kind: 'file', path: join(folder, 'config.json') }], runHelper),
  };
}

describe('registryCredentials', () => {
  it('is anonymous without a config file', async () => {
    expect(
      await registryCredentials(
        [{ kind: 'file', path: join(await temporaryFolder(), 'none', 'config.json') }],
        noHelper,
      ).find('a.example'),
    ).toBeUndefined();
  });

  it('reads auth, and says where it found it', async () => {
    const { source, folder } = await configured({ auths: { 'a.example': { auth: base64('me:pass:word') } } });
    expect(await source.find('a.example')).toEqual({
      kind: 'password',
      username: 'me',
      password: 'pass:word',
      source: `${folder}/config.json (auths, a.example)`,
    });
  });

  it.each([
    ['a.example', 'a.example', true],
    ['A.Example', 'a.example', true],
    ['https://a.example', 'a.example', true],
    ['https://a.example/v2/', 'a.example', true],
    ['https://index.docker.io/v1/', 'docker.io', true],
    ['docker.io', 'docker.io', true],
    ['registry-1.docker.io', 'docker.io', true],
    ['a.example:5000', 'a.example', false],
    ['a.example', 'a.example:5000', false],
    ['evil-a.example', 'a.example', false],
    ['a.example', 'a.example.evil.example', false],
    ['a.example', 'x.a.example', false],
    ['a.example/team', 'a.example', false],
    ['index.docker.io.evil.example', 'docker.io', false],
  ])('the key %s for the registry %s: %s', async (key, registry, found) => {
    const { source } = await configured({ auths: { [key]: { auth: base64('me:secret') } } });
    expect((await source.find(registry)) !== undefined).toBe(found);
  });

  it('prefers the plain host to an old address of it', async () => {
    const { source } = await configured({
      auths: { 'https://a.example/v1/': { auth: base64('old:x') }, 'a.example': { auth: base64('new:x') } },
    });
    expect(await source.find('a.example')).toMatchObject({ username: 'new' });
  });

  it('knows identity and registry tokens', async () => {
    const { source } = await configured({
      auths: {
        'i.example': { auth: base64('00000000:'), identitytoken: 'refresh' },
        'r.example': { registrytoken: 'bearer' },
        'e.example': {},
      },
    });
    expect(await source.find('i.example')).toMatchObject({
      kind: 'identity',
      username: '00000000',
      token: 'refresh',
    });
    expect(await source.find('r.example')).toMatchObject({ kind: 'bearer', token: 'bearer' });
    expect(await source.find('e.example')).toBeUndefined();
  });

  it('asks the helper of the host, then the store, then the file', async () => {
    const asked: string[] = [];
    const helper: RunHelper = async (name, server) => {
      asked.push(`${name} ${server}`);
      if (name === 'cloud')
        return {
          exitCode: 0,
          stdout: JSON.stringify({ ServerURL: server, Username: '<token>', Secret: 't' }),
        };
      return { exitCode: 1, stdout: 'credentials not found in native keychain\n' };
    };
    const { source } = await configured(
      {
        credsStore: 'store',
        credHelpers: { 'cloud.example': 'cloud' },
        auths: { 'docker.io': { auth: base64('file:x') } },
      },
      helper,
    );
    expect(await source.find('cloud.example')).toMatchObject({
      kind: 'identity',
      token: 't',
      source: 'docker-credential-cloud',
    });
    expect(await source.find('docker.io')).toMatchObject({ username: 'file' });
    expect(await source.find('other.example')).toBeUndefined();
    expect(asked).toEqual([
      'cloud cloud.example',
      'store https://index.docker.io/v1/',
      'store other.example',
    ]);
  });

  it.each([
    ['no JSON', '{"auths": {"a.example": {"auth": "c2VjcmV0"'],
    ['the wrong shape', { auths: { 'a.example': { auth: 5, password: 'c2VjcmV0' } } }],
    ['auth that is no pair', { auths: { 'a.example': { auth: base64('secret') } } }],
    ['auth that is no base64', { auths: { 'a.example': { auth: 'me:secret' } } }],
  ])('names the file, never the secret: %s', async (_what, config) => {
    const { source, folder } = await configured(config);
    const error = await source.find('a.example').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', message: expect.stringContaining(folder) });
    expect(String(error)).not.toMatch(/secret|c2VjcmV0/);
  });

  it('says of a document that is no object only which place it is', async () => {
    const place = { kind: 'variable', name: 'DOCKER_AUTH_CONFIG', text: '[]' } as const;
    const broken = registryCredentials([place], noHelper);
    await expect(broken.find('a.example')).rejects.toMatchObject({
      message: '$DOCKER_AUTH_CONFIG is no Docker config file',
    });
  });

  it.each([
    ['fails', { exitCode: 1, stdout: 'the secret is hunter2' }],
    ['says nonsense', { exitCode: 0, stdout: 'hunter2' }],
    ['says half', { exitCode: 0, stdout: '{"Secret":"hunter2"}' }],
  ])('names a helper that %s, never what it said', async (_what, answer) => {
    const { source } = await configured({ credsStore: 'odd' }, async () => answer);
    const error = await source.find('a.example').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'CREDENTIALS_UNREADABLE',
      message: expect.stringContaining('docker-credential-odd'),
    });
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('a part of a registry', () => {
  const auths = {
    'a.example': { auth: base64('host:x') },
    'a.example/team': { auth: base64('team:x') },
    'https://a.example/team/app/': { auth: base64('app:x') },
    'docker.io/library': { auth: base64('library:x') },
    'b.example/only': { auth: base64('only:x') },
  };
  it.each([
    ['a.example', 'other', 'host'],
    ['a.example', undefined, 'host'],
    ['a.example', 'team', 'team'],
    ['a.example', 'team/other', 'team'],
    ['a.example', 'team/app', 'app'],
    ['a.example', 'team/app/more', 'app'],
    ['a.example', 'team/apple', 'team'],
    ['a.example', 'teamwork/app', 'host'],
    ['index.docker.io', 'library/debian', 'library'],
    ['docker.io', 'me/app', undefined],
    ['b.example', 'other/only', undefined],
    ['b.example', undefined, undefined],
    ['b.example:5000', 'only', undefined],
  ])('%s/%s is for %s', async (registry, repository, username) => {
    const { source } = await configured({ auths });
    expect(await source.find(registry, repository)).toEqual(
      username === undefined ? undefined : expect.objectContaining({ username }),
    );
  });

  it('comes before the helper of the host, which is asked for the host only, once', async () => {
    const asked: string[] = [];
    const helper: RunHelper = async (_, server) => {
      asked.push(server);
      return { exitCode: 0, stdout: JSON.stringify({ Username: 'helper', Secret: 'x' }) };
    };
    const { source } = await configured({ auths, credHelpers: { 'a.example': 'cloud' } }, helper);
    expect(await source.find('a.example', 'team/app')).toMatchObject({ username: 'app' });
    for (const repository of ['other', 'another', 'other']) {
      expect(await source.find('a.example', repository)).toMatchObject({ username: 'helper' });
    }
    expect(asked).toEqual(['a.example']);
  });
});

describe('several places', () => {
  const json = (username: string) => ({ auths: { 'a.example': { auth: base64(`${username}:x`) } } });

  it('are looked through in their order, and all are named', async () => {
    const folder = await temporaryFolder();
    const file = (name: string) => ({ kind: 'file', path: join(folder, name) }) as const;
    await writeFile(join(folder, 'second'), JSON.stringify(json('second')));
    await writeFile(join(folder, 'third'), JSON.stringify(json('third')));
    await writeFile(join(folder, 'empty'), '');
    const variable = (text: string) => ({ kind: 'variable', name: 'DOCKER_AUTH_CONFIG', text }) as const;
    const places = [file('absent'), file('empty'), file('second'), file('third')];
    const source = registryCredentials([variable(JSON.stringify(json('first'))), ...places], noHelper);
    expect(await source.find('a.example')).toMatchObject({
      username: 'first',
      source: '$DOCKER_AUTH_CONFIG (auths, a.example)',
    });
    expect(await registryCredentials(places, noHelper).find('a.example')).toMatchObject({
      username: 'second',
    });
    expect(await source.find('b.example')).toBeUndefined();
    expect(source.places).toBe(
      `looked in $DOCKER_AUTH_CONFIG, ${['absent', 'empty', 'second', 'third'].map((name) => join(folder, name)).join(', ')}`,
    );
    const broken = registryCredentials([variable('{"auths": {"a.example": hunter2'), ...places], noHelper);
    const error = await broken.find('a.example').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'CREDENTIALS_UNREADABLE',
      message: expect.stringContaining('$DOCKER_AUTH_CONFIG'),
    });
    expect(String(error)).not.toContain('hunter2');
  });

  it('give each repository its own login, and its own token', async () => {
    const users = { me: 'x', team: 'y' };
    const may = (user: string | undefined, repository: string) =>
      user === (repository.startsWith('team/') ? 'team' : 'me');
    const registry = await quirkRegistry({ auth: { kind: 'token', users, may } });
    const { source } = await configured({
      auths: {
        [registry.host]: { auth: base64('me:x') },
        [`${registry.host}/team`]: { auth: base64('team:y') },
      },
    });
    const client = realClient({ credentials: source });
    for (const repository of ['team/app', 'app', 'team/app', 'app']) {
      expect(await targetAt(registry, repository, client).has(randomBlob(9).descriptor)).toBe(false);
    }
    expect(registry.requests.filter(({ place }) => place === 'token')).toHaveLength(2);
  });

  it('do not lend one login’s token to another', async () => {
    const users = { me: 'x', team: 'y' };
    const registry = await quirkRegistry({ auth: { kind: 'token', users } });
    const { source } = await configured({
      auths: {
        [registry.host]: { auth: base64('me:x') },
        [`${registry.host}/team`]: { auth: base64('team:y') },
      },
    });
    const client = realClient({ credentials: source });
    const { descriptor, bytes } = randomBlob();
    registry.repository('base').blobs.set(descriptor.digest, Buffer.from(bytes));
    const origins = [{ registry: registry.host, repository: 'base' }];
    const target = targetAt(registry, 'team/app', client);
    // Its token is for a pull from `base` as well, and it is not ours there.
    expect(await target.put({ ...bytesContent(bytes), origins }, descriptor)).toMatchObject({
      outcome: 'mounted',
    });
    expect(await targetAt(registry, 'base', client).has(descriptor)).toBe(true);
    expect(registry.requests.at(-1)?.headers.authorization).toMatch(/-of-me$/);
  });
});
