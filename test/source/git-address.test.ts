import { describe, expect, it } from 'vitest';
import { parseGitAddress } from '../../src/source/git-address.ts';

describe('a Git address', () => {
  it.each([
    ['https://github.com/o/shop.git', 'https://github.com/o/shop.git', undefined, undefined, 'shop'],
    ['https://github.com/o/shop.git#v1.2', 'https://github.com/o/shop.git', 'v1.2', undefined, 'shop'],
    [
      'https://github.com/o/shop.git#main:services/web',
      'https://github.com/o/shop.git',
      'main',
      'services/web',
      'shop',
    ],
    ['https://github.com/o/shop.git#:/web/', 'https://github.com/o/shop.git', undefined, 'web', 'shop'],
    [
      'https://github.com/o/shop.git#refs/pull/7/head',
      'https://github.com/o/shop.git',
      'refs/pull/7/head',
      undefined,
      'shop',
    ],
    ['git@github.com:o/shop.git#fix/a-b:.', 'git@github.com:o/shop.git', 'fix/a-b', undefined, 'shop'],
    ['git@host:shop', 'git@host:shop', undefined, undefined, 'shop'],
    ['ssh://git@host:2222/o/shop.git', 'ssh://git@host:2222/o/shop.git', undefined, undefined, 'shop'],
    ['file:///srv/shop.git#main', 'file:///srv/shop.git', 'main', undefined, 'shop'],
    ['file:///srv/shop/.git', 'file:///srv/shop/.git', undefined, undefined, 'shop'],
  ])('%s', (text, url, ref, folder, name) => {
    expect(parseGitAddress(text)).toMatchObject({
      remote: { url, credentials: undefined },
      ref,
      folder,
      name,
    });
  });

  it.each(['.', 'src', '/srv/shop', 'shop.git', 'https://host/app.tar.gz', 'https://host/app.tgz#main', '-'])(
    '%s is none',
    (text) => expect(parseGitAddress(text)).toBeUndefined(),
  );

  it('keeps credentials apart from what git is told', () => {
    expect(parseGitAddress('https://me:p%40ss@host:8443/o/shop.git')?.remote).toEqual({
      url: 'https://host:8443/o/shop.git',
      protocol: 'https',
      host: 'host:8443',
      credentials: { username: 'me', password: 'p@ss' },
    });
  });

  it.each([
    ['a ref that is an option', 'https://host/a.git#--upload-pack=touch'],
    ['a ref that is a refspec', 'https://host/a.git#+main'],
    ['a ref with a range', 'https://host/a.git#main..dev'],
    ['a ref with a pattern', 'https://host/a.git#refs/heads/*'],
    ['a ref with a space', 'https://host/a.git#a b'],
    ['a ref from a log', 'https://host/a.git#main@{1}'],
    ['a folder that leaves it', 'https://host/a.git#main:../secret'],
    ['a folder that leaves it later', 'https://host/a.git#main:a/../../secret'],
    ['a host that is an option', 'ssh://-oProxyCommand=touch/a.git'],
    ['a password for ssh', 'ssh://me:secret@host/a.git'],
    ['a query', 'https://host/a.git?token=secret'],
    ['git://', 'git://host/a.git'],
    ['file:// with a host', 'file://host/a.git'],
  ])('is refused with %s', (_name, text) => {
    const refusal = expect.objectContaining({
      code: 'USAGE',
      message: expect.not.stringContaining('secret@'),
    });
    expect(() => parseGitAddress(text)).toThrow(refusal);
  });

  it.each(['git@-oProxyCommand=touch:a', 'ext::sh -c touch', '--upload-pack=touch'])(
    '%s is a path and nothing else',
    (text) => expect(parseGitAddress(text)).toBeUndefined(),
  );
});
