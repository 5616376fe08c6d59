import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunHelper } from '../../src/engines/credential-helper.ts';
import { dockerCredentials } from '../../src/registry/credentials.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const noHelper: RunHelper = () => Promise.reject(new Error('no helper is expected'));

async function configured(config: unknown, runHelper: RunHelper = noHelper) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return { folder, source: dockerCredentials(folder, runHelper) };
}

describe('dockerCredentials', () => {
  it('is anonymous without a config file', async () => {
    expect(
      await dockerCredentials(join(await temporaryFolder(), 'none'), noHelper).find('a.example'),
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
