import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { keepPass } from '../../../src/builders/slug/passes.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { archive, hardlink, pax } from '../../oci/tar/raw-tar.ts';
import {
  APP,
  folder,
  keepable,
  link,
  OWNER,
  PROCFILE,
  READING,
  slugOf,
  streamOf,
  text,
} from './slug-bytes.ts';

/** Reads a slug as a build does that would keep it; gives what passed, or why it may not be kept. */
async function keep(slug: Buffer, chunk?: number) {
  const pass = keepPass(streamOf(slug, chunk), READING);
  try {
    const passed = await buffer(pass.stream);
    return { passed, ...(await pass.verdict()) };
  } catch (error) {
    const change = pass.change();
    if (change === undefined) throw error;
    return { change };
  }
}

describe('a slug is kept', () => {
  test('when nothing in it has to change: its bytes pass as they are', async () => {
    const members = [
      folder('./app/.profile.d/', { mode: 0o700 }),
      text('./app/.profile.d/a.sh'),
      link('./app/link', '/etc/passwd', { mode: 0o777 }),
      hardlink('./app/hard', './app/Procfile', OWNER),
      text('./app/sticky', '', { mode: 0o1777 }),
    ];
    const tar = archive(APP, PROCFILE, ...members);
    const slug = gzipSync(tar);
    const found = await keep(slug);
    expect(found).toMatchObject({
      keep: OWNER,
      change: null,
      members: 7,
      procfile: 'web: ./run\n',
      signs: ['Procfile', '.profile.d'],
      diffId: digestOf(tar),
    });
    expect(found).toHaveProperty('passed', slug);
  });

  test.each([1, 7, 64])('however it is cut: %i bytes at a time', async (chunk) => {
    expect(await keep(keepable(), chunk)).toMatchObject({ keep: OWNER, passed: keepable() });
  });

  test.each([1, 65535])('with ids of %i', async (id) => {
    const own = { uid: id, gid: id };
    expect(await keep(slugOf(folder('app', own), text('app/x', '', own)))).toMatchObject({ keep: own });
  });
});

const big = (id: number) => pax({ uid: `${id}`, gid: `${id}` });
const xattr = pax({ 'SCHILY.xattr.security.capability': 'x' });

describe('a slug is not kept', () => {
  test.each([
    ['a member outside app/', keepable(text('./other')), './other lies outside app/'],
    ['the root itself', slugOf(folder('./'), APP, PROCFILE), './ lies outside app/'],
    ['a name that only begins like app', keepable(text('./application')), 'lies outside app/'],
    ['another uid', keepable(text('./app/x', '', { uid: 1 })), './app/x belongs to 1:57350'],
    ['another gid', keepable(text('./app/x', '', { gid: 1 })), './app/x belongs to 57350:1'],
    ['root', slugOf(folder('app', { uid: 0, gid: 0 })), 'belongs to 0:0'],
    ['the group root', slugOf(folder('app', { gid: 0 })), 'belongs to 57350:0'],
    ['a uid that no runtime takes', slugOf(big(65536), folder('app')), 'belongs to 65536:65536'],
    ['setuid', keepable(text('./app/x', '', { mode: 0o4755 })), './app/x is setuid'],
    ['setgid', keepable(folder('./app/x', { mode: 0o2755 })), './app/x is setuid or setgid'],
    ['extended attributes', keepable(xattr, text('./app/x')), './app/x has extended attributes'],
    [
      'records of another tool',
      keepable(pax({ 'SCHILY.acl.access': 'user::rwx' }), text('./app/x')),
      'attributes',
    ],
    ['no entry for app/', slugOf(PROCFILE), './app/Procfile comes before its folder app/'],
    [
      'a folder after its content',
      keepable(text('./app/d/x'), folder('./app/d')),
      'comes before its folder app/d/',
    ],
    ['a folder that is missing', keepable(folder('./app/a'), text('./app/a/b/c/x')), 'its folder app/a/b/c/'],
    ['an app/ its owner cannot write', slugOf(folder('app', { mode: 0o555 }), PROCFILE), 'cannot be written'],
  ])('for %s', async (_what, slug, reason) => {
    expect(await keep(slug)).toEqual({ change: expect.stringContaining(reason) });
  });

  test('for a second gzip member', async () => {
    const tar = archive(APP, PROCFILE);
    const slug = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
    expect(await keep(slug)).toEqual({ change: 'the file has more than one gzip member' });
  });

  test('and little of it is read in vain', async () => {
    const slug = slugOf(folder('app', { uid: 0, gid: 0 }));
    const rest = Buffer.alloc(64 * 1024 * 1024);
    let read = 0;
    const source = streamOf(Buffer.concat([slug, rest]), 1024 * 1024).on(
      'data',
      ({ length }) => (read += length),
    );
    await expect(buffer(keepPass(source.pause(), READING).stream)).rejects.toThrow();
    expect(read).toBeLessThan(32 * 1024 * 1024);
  });
});

describe('what is no slug is refused', () => {
  test.each([
    ['an empty tar', slugOf(), 'SLUG_EMPTY'],
    ['folders without a file', slugOf(APP, folder('./app/d')), 'SLUG_EMPTY'],
    ['an app that is a file', slugOf(text('./app')), 'SLUG_UNRECOGNISED'],
    ['an app that is a link', slugOf(link('./app', '/etc')), 'SLUG_UNRECOGNISED'],
    ['a Procfile beyond reason', slugOf(APP, text('./app/Procfile', 'x'.repeat(70_000))), 'LIMIT_EXCEEDED'],
    ['half a file', keepable().subarray(0, 60), 'GZIP_INVALID'],
    ['something behind it', Buffer.concat([keepable(), Buffer.from('more')]), 'GZIP_TRAILING_DATA'],
    ['zeros behind it', Buffer.concat([keepable(), Buffer.alloc(512)]), 'GZIP_TRAILING_DATA'],
    ['half a tar', gzipSync(archive(APP, PROCFILE).subarray(0, 1500)), 'TAR_TRUNCATED'],
  ])('%s', async (_what, slug, code) => {
    const whole = keepPass(streamOf(slug), READING);
    await expect(buffer(whole.stream)).rejects.toMatchObject({ code });
  });
});
