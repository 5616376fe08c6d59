import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { transcode } from '../../../src/builders/slug/transcoder.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import type { TarEntry } from '../../../src/oci/tar/entry.ts';
import { createTarReader } from '../../../src/oci/tar/reader.ts';
import { describeWith } from '../../helpers/engines.ts';
import { makeSlug } from '../../helpers/slugs.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { archive, hardlink, longName, pax } from '../../oci/tar/raw-tar.ts';
import { APP, folder, link, PROCFILE, READING, slugOf, streamOf, text } from './slug-bytes.ts';

const OWNER = { uid: 1000, gid: 1001 };

async function canonical(slug: Buffer, chunk?: number) {
  const { output, diff, pass } = transcode(streamOf(slug, chunk), READING, OWNER);
  const tar = await buffer(output);
  expect(diff.digest()).toBe(digestOf(tar));
  return { tar, entries: entriesOf(tar), verdict: pass.verdict() };
}

/** What our strict reader sees: all we write has to pass it. */
function entriesOf(tar: Buffer): readonly (TarEntry & { content: string })[] {
  const found: (TarEntry & { content: string })[] = [];
  const reader = createTarReader({
    entry: (entry) => void found.push({ ...entry, content: '' }),
    data: (bytes) => {
      const last = found.at(-1);
      if (last) last.content += Buffer.from(bytes).toString();
    },
  });
  reader.write(tar);
  reader.end();
  return found;
}

const list = async (slug: Buffer) => {
  const { entries } = await canonical(slug);
  return entries.map(({ path, mode }) => `${path} ${mode.toString(8)}`);
};

describe('a transcoded slug', () => {
  test('holds app/ alone, of one owner, in the order and with the times of the slug', async () => {
    const slug = slugOf(
      text('etc/shadow', 'root:', { uid: 0 }),
      folder('./app/', { uid: 1, gid: 2, mtime: 5 }),
      text('./app/z', 'zz', { uid: 0, gid: 0, mode: 0o4755, mtime: 7 }),
      text('./app/a', 'aa', { uname: 'bob', mode: 0o600 }),
      link('./app/l', 'a'),
      hardlink('./app/h', './app/z'),
      text('application', 'no'),
    );
    const { entries, verdict } = await canonical(slug);
    expect(entries.map(({ path, type, mode, mtime, content }) => [path, type, mode, mtime, content])).toEqual(
      [
        ['app', 'directory', 0o755, 5, ''],
        ['app/z', 'file', 0o755, 7, 'zz'],
        ['app/a', 'file', 0o600, 1_700_000_000, 'aa'],
        ['app/l', 'symlink', 0o777, 1_700_000_000, ''],
        ['app/h', 'hardlink', 0o644, 1_700_000_000, ''],
      ],
    );
    for (const { uid, gid, uname } of entries) expect({ uid, gid, uname }).toEqual({ ...OWNER, uname: '' });
    expect(entries.map(({ linkTarget }) => linkTarget).filter(Boolean)).toEqual(['a', 'app/z']);
    expect(verdict).toMatchObject({ keep: null, digest: digestOf(slug), size: slug.length });
  });

  test('gets the folders that the archive leaves out', async () => {
    expect(await list(slugOf(text('./app/a/b/c'), text('./app/a/d')))).toEqual([
      'app 755',
      'app/a 755',
      'app/a/b 755',
      'app/a/b/c 644',
      'app/a/d 644',
    ]);
  });

  test('has a folder once that comes after its content', async () => {
    expect(await list(slugOf(APP, text('./app/d/x'), folder('./app/d'), text('./app/d/y')))).toEqual([
      'app 755',
      'app/d 755',
      'app/d/x 644',
      'app/d/y 644',
    ]);
  });

  test('can be written by its owner, whatever the modes were', async () => {
    expect(
      await list(slugOf(folder('app', { mode: 0o500 }), folder('app/d', { mode: 0o2750 }), PROCFILE)),
    ).toEqual(['app 700', 'app/d 750', 'app/Procfile 644']);
  });

  test('has no extended attributes', async () => {
    const slug = slugOf(APP, pax({ 'SCHILY.xattr.user.x': 'y', mtime: '5.5' }), text('./app/x'));
    const { entries } = await canonical(slug);
    expect(entries[1]).toMatchObject({ path: 'app/x', mtime: 5 });
    expect(entries[1]?.xattrs?.size ?? 0).toBe(0);
  });

  test('takes names of any length and alphabet', async () => {
    const long = `app/${'d'.repeat(120)}/${'n'.repeat(251)}.txt`;
    const { entries } = await canonical(slugOf(APP, longName(long), text('x'), text('./app/grüße-🌲')));
    expect(entries.map(({ path }) => path)).toEqual(['app', `app/${'d'.repeat(120)}`, long, 'app/grüße-🌲']);
  });

  test('does not link to what it leaves out', async () => {
    const slug = slugOf(APP, text('etc/shadow', 'root:'), hardlink('./app/h', 'etc/shadow'));
    await expect(buffer(transcode(streamOf(slug), READING, OWNER).output)).rejects.toMatchObject({
      code: 'TAR_LINK_UNSAFE',
      message: expect.stringContaining('app/h'),
    });
  });

  test('may come as several gzip members', async () => {
    const tar = archive(APP, PROCFILE);
    const one = await canonical(gzipSync(tar));
    const several = Buffer.concat([gzipSync(tar.subarray(0, 100)), gzipSync(tar.subarray(100))]);
    const found = await canonical(several);
    expect(found.tar).toEqual(one.tar);
    expect(found.verdict).toMatchObject({ keep: null, change: 'the file has more than one gzip member' });
    expect(one.verdict).toMatchObject({ keep: { uid: 57350, gid: 57350 }, change: null });
  });

  test('is the same bytes however the slug is cut, named or packed', async () => {
    const members = (prefix: string) => [
      folder(`${prefix}/`),
      text(`${prefix}/x`, 'content'),
      link(`${prefix}/l`, 'x'),
    ];
    const whole = await canonical(slugOf(...members('./app')));
    for (const chunk of [1, 13, 512])
      expect((await canonical(slugOf(...members('./app')), chunk)).tar).toEqual(whole.tar);
    for (const prefix of ['app', './app/.'])
      expect((await canonical(slugOf(...members(prefix)))).tar).toEqual(whole.tar);
    expect((await canonical(gzipSync(archive(...members('app')), { level: 1 }))).tar).toEqual(whole.tar);
  });
});

describeWith(['gnutar'], 'a slug by GNU tar', ({ gnutar }) => {
  test('is listed by GNU tar as before, but for owner and setuid', async () => {
    const home = await temporaryFolder();
    const { path } = await makeSlug(home, 'shell', { otherOwner: ['bin/work'] });
    const transcoded = transcode((await import('node:fs')).createReadStream(path), READING, OWNER);
    const tar = join(home, 'canonical.tar');
    await writeFile(tar, transcoded.output);
    const lines = (file: string) =>
      execFileSync(gnutar, ['-tvf', file, '--numeric-owner', '--full-time'], { encoding: 'utf8' })
        .trimEnd()
        .split('\n');
    const expected = lines(path).map((line) =>
      line.replace(/ \d+\/\d+ +/, ' OWNER ').replaceAll('./app', 'app'),
    );
    expect(lines(tar).map((line) => line.replace(/ 1000\/1001 +/, ' OWNER '))).toEqual(expected);
  });
});
