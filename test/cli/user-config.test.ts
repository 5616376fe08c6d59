import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { credentialPlaces, dockerConfigFolder, dogwoodHome, userConfigPath } from '../../src/cli/folders.ts';
import { readUserConfig } from '../../src/cli/user-config.ts';
import { parseUserConfig } from '../../src/cli/user-config-schema.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const EMPTY = {
  stacks: {},
  insecureRegistries: [],
  hosts: {},
  mirrors: {},
  allowOutbound: [],
  limits: {},
  regions: [],
};

describe('parseUserConfig', () => {
  test('stacks, insecure registries and limits', () => {
    const text = [
      'insecure-registries = ["127.0.0.1:5000"]',
      '[stacks]',
      '"heroku-24" = "registry.example/heroku/heroku:24"',
      '[limits]',
      'maxMembers = 5',
      'maxTotalBytes = "32G"',
    ].join('\n');
    expect(parseUserConfig(text, 'config.toml')).toEqual({
      stacks: { 'heroku-24': 'registry.example/heroku/heroku:24' },
      insecureRegistries: ['127.0.0.1:5000'],
      hosts: {},
      mirrors: {},
      allowOutbound: [],
      limits: { maxMembers: 5, maxTotalBytes: 32 * 1024 ** 3 },
      regions: [],
    });
    expect(parseUserConfig('', 'config.toml')).toEqual(EMPTY);
  });

  test('hosts with certificates, relative to the file, and what servers may lead to', () => {
    const text = [
      'allow-outbound = ["10.0.0.0/8", "auth.internal:5001"]',
      '[hosts."registry.example"]',
      'ca = "ca.pem"',
      'cert = "/abs/me.cert"',
      'key = "sub/me.key"',
      '[hosts."10.0.0.5:5000"]',
      'insecure = true',
      'ca = ["a", "b"]',
      '[hosts."index.docker.io"]',
      'mirrors = ["mirror.example:5000/hub", "10.0.0.5"]',
    ].join('\n');
    expect(parseUserConfig(text, '/c/dogwood/config.toml')).toMatchObject({
      insecureRegistries: ['10.0.0.5:5000'],
      mirrors: { 'docker.io': ['mirror.example:5000/hub', '10.0.0.5'] },
      allowOutbound: ['10.0.0.0/8', 'auth.internal:5001'],
      hosts: {
        'registry.example': {
          ca: ['/c/dogwood/ca.pem'],
          cert: '/abs/me.cert',
          key: '/c/dogwood/sub/me.key',
        },
        '10.0.0.5:5000': { ca: ['/c/dogwood/a', '/c/dogwood/b'], cert: undefined, key: undefined },
      },
    });
  });

  test('regions, the nearest first', () => {
    const text =
      '[[regions]]\nname = "fra"\nregistry = "r.example/team"\n[[regions]]\nname = "iad"\nregistry = "[::1]:5000"\n';
    expect(parseUserConfig(text, 'config.toml').regions).toEqual([
      { name: 'fra', registry: 'r.example/team' },
      { name: 'iad', registry: '[::1]:5000' },
    ]);
  });

  test.each([
    ['[[regions]]\nname = "fra"', 'config.toml:1: regions.0.registry: it is missing'],
    ['[[regions]]\nname = "fra"\nregistry = ""', 'config.toml:3: regions.0.registry: it is empty'],
    [
      '[[regions]]\nname = "fra"\nregistry = "team"',
      'config.toml:3: regions.0.registry: it begins with the host of the registry, as in registry.example/team',
    ],
    [
      '[[regions]]\nname = "fra"\nregistry = "r.example/team/"',
      /^config\.toml:3: .*a part of the repository is empty/,
    ],
    ['[[regions]]\nname = "fra"\nregistry = "https://r.example"', /^config\.toml:3: /],
    [
      '[[regions]]\nname = "fra"\nregistry = "a.example"\n[[regions]]\nname = "fra"\nregistry = "b.example"',
      'config.toml:5: regions.1.name: the region is there already',
    ],
    [
      '[[regions]]\nname = "fra"\nregistry = "a.example"\n[[regions]]\nname = "iad"\nregistry = "a.example"',
      'config.toml:6: regions.1.registry: another region has the same registry',
    ],
    ['regions = ["fra"]', /^config\.toml:1: regions\.0: /],
    ['\nallow-outbound = ["10.0.0.0/33"]', /^config\.toml:2: allow-outbound\.0: not a host/],
    ['[hosts."h"]\ncert = "c"', 'config.toml:2: hosts.h.cert: a client certificate needs key, too'],
    ['[hosts."h"]\n\nkey = "c"', 'config.toml:3: hosts.h.key: a client certificate needs cert, too'],
    ['[hosts."h"]\nsecure = true', 'config.toml:2: hosts.h.secure: no such setting'],
    ['# x\n[hosts."https://h"]', /^config\.toml:2: hosts.*: a host is written as in references/],
    ['[hosts."H.example"]', /^config\.toml:1: hosts.*: a host is written as in references/],
    ['[hosts."h"]\nmirrors = ["https://m"]', /^config\.toml:2: hosts\.h\.mirrors\.0: a mirror is written/],
    ['[hosts."h"]\nca = 5', /^config\.toml:2: hosts\.h\.ca: /],
    ['a = 1\nb = = 2', /^config\.toml:2: /],
    ['# one\n\nstack = 1', 'config.toml:3: stack: no such setting'],
    [
      '[limits]\nmaxMembers = 5\nmaxMember = 5',
      /^config\.toml:3: limits\.maxMember: no such limit; there are maxTotal/,
    ],
    ['[limits]\nmaxMembers = -5', /^config\.toml:2: limits\.maxMembers: /],
    ['[limits]\nmaxMembers = "many"', /^config\.toml:2: limits\.maxMembers: /],
    ['[stacks]\n"heroku-22" = "a"\n"heroku-24" = 24', /^config\.toml:3: stacks\.heroku-24: /],
    ['stacks.heroku-24 = 24', /^config\.toml:1: stacks\.heroku-24: /],
    [
      'insecure-registries = ["http://10.0.0.5"]',
      /^config\.toml:1: insecure-registries\.0: a host is written as in references/,
    ],
    ['\n\ninsecure-registries = "host"', /^config\.toml:3: insecure-registries: /],
  ])('%j is CONFIG_INVALID with file and line', (text, message) => {
    const matching = typeof message === 'string' ? message : expect.stringMatching(message);
    expect(() => parseUserConfig(text, 'config.toml')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: matching }),
    );
  });
});

describe('readUserConfig', () => {
  test('no file is an empty one, a folder in its place is not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dogwood-config-'));
    folders.push(folder);
    expect(await readUserConfig(undefined)).toEqual(EMPTY);
    expect(await readUserConfig(join(folder, 'none', 'config.toml'))).toEqual(EMPTY);
    await expect(readUserConfig(folder)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await writeFile(join(folder, 'config.toml'), 'insecure-registries = ["a"]');
    expect(await readUserConfig(join(folder, 'config.toml'))).toMatchObject({ insecureRegistries: ['a'] });
  });
});

describe('folders', () => {
  const of = (environment: Record<string, string>, userHome?: string) => ({ environment, userHome });

  test('DOGWOOD_HOME, then XDG_DATA_HOME, then the home folder', () => {
    const all = { DOGWOOD_HOME: '/d', XDG_DATA_HOME: '/x' };
    expect(dogwoodHome(of(all, '/h'))).toBe('/d');
    expect(dogwoodHome(of({ XDG_DATA_HOME: '/x' }, '/h'))).toBe('/x/dogwood');
    expect(dogwoodHome(of({ XDG_DATA_HOME: 'relative' }, '/h'))).toBe('/h/.local/share/dogwood');
    expect(() => dogwoodHome(of({}))).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => dogwoodHome(of({ DOGWOOD_HOME: 'd' }))).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('the config file and Docker’s folder', () => {
    expect(userConfigPath(of({ XDG_CONFIG_HOME: '/c' }, '/h'))).toBe('/c/dogwood/config.toml');
    expect(userConfigPath(of({}, '/h'))).toBe('/h/.config/dogwood/config.toml');
    expect(userConfigPath(of({}))).toBeUndefined();
    expect(dockerConfigFolder(of({ DOCKER_CONFIG: '/k' }, '/h'))).toBe('/k');
    expect(dockerConfigFolder(of({}, '/h'))).toBe('/h/.docker');
    expect(dockerConfigFolder(of({}))).toMatch(/^\/nonexistent/);
  });

  const file = (path: string) => ({ kind: 'file', path });
  test('credentials are in the variables, Docker’s file, then Podman’s', () => {
    const environment = {
      DOCKER_AUTH_CONFIG: '{}',
      REGISTRY_AUTH_FILE: '/r.json',
      DOCKER_CONFIG: '/d',
      XDG_RUNTIME_DIR: '/run/user/7',
      XDG_CONFIG_HOME: '/c',
    };
    expect(credentialPlaces(of(environment, '/h'))).toEqual([
      { kind: 'variable', name: 'DOCKER_AUTH_CONFIG', text: '{}' },
      file('/r.json'),
      file('/d/config.json'),
      file('/run/user/7/containers/auth.json'),
      file('/c/containers/auth.json'),
    ]);
  });

  test('places of credentials are each looked at once, and empty variables are none', () => {
    const empty = { DOCKER_AUTH_CONFIG: '', REGISTRY_AUTH_FILE: '', XDG_RUNTIME_DIR: 'relative' };
    const home = [file('/h/.docker/config.json'), file('/h/.config/containers/auth.json')];
    expect(credentialPlaces(of(empty, '/h'))).toEqual(home);
    expect(credentialPlaces(of({ REGISTRY_AUTH_FILE: '/h/.docker/config.json' }, '/h'))).toEqual(home);
    expect(credentialPlaces(of({}))).toEqual([file('/nonexistent/.docker/config.json')]);
  });
});
