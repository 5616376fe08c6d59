import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SLUG_LIMITS } from '../../src/builders/slug/limits.ts';
import { isTar } from '../../src/source/is-tar.ts';
import type { ArchiveSource } from '../../src/source/source.ts';
import { type UnpackLimits, unpackArchive } from '../../src/source/unpack.ts';
import { describeWith } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { archive, directory, file, hardlink, pax, record, symlink } from '../oci/tar/raw-tar.ts';
import { tarOf, writeFiles } from './archives.ts';

function archiveSource(bytes: Buffer, name = 'app.tar'): ArchiveSource {
  return {
    kind: 'archive',
    name,
    stamp: undefined,
    size: bytes.length,
    content: { reopenable: true, open: async () => Readable.from([bytes], { objectMode: false }) },
    head: async (limit) => bytes.subarray(0, limit),
    dispose: async () => {},
  };
}

async function unpack(bytes: Buffer, limits: Partial<UnpackLimits> = {}, signal?: AbortSignal) {
  const folder = await temporaryFolder();
  const root = await unpackArchive(archiveSource(bytes), folder, {
    limits: { ...DEFAULT_SLUG_LIMITS, ...limits },
    signal: signal ?? new AbortController().signal,
  });
  return { folder, root };
}

const everything = async (root: string): Promise<string[]> =>
  (await readdir(root, { recursive: true })).sort();

describe('an archive of sources', () => {
  it.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ])('is unpacked (%s)', async (_name, compress) => {
    const { root } = await unpack(compress(archive(file('src/a.txt', 'hello'), file('b', 'x'.repeat(2000)))));
    expect(await everything(root)).toEqual(['b', 'src', 'src/a.txt']);
    expect(await readFile(join(root, 'src/a.txt'), 'utf8')).toBe('hello');
    expect((await stat(join(root, 'b'))).size).toBe(2000);
  });

  it('is the one folder in it, which is always called the same', async () => {
    const { root } = await unpack(archive(directory('shop-1a2b3c/'), file('shop-1a2b3c/main.go', 'x')));
    expect(await everything(root)).toEqual(['main.go']);
    expect(root).toMatch(/\/source$/);
  });

  it('keeps folders and files that lie beside each other, and one file alone', async () => {
    expect(await everything((await unpack(archive(file('app/a'), file('README')))).root)).toEqual([
      'README',
      'app',
      'app/a',
    ]);
    expect(await everything((await unpack(archive(file('Dockerfile', 'FROM x')))).root)).toEqual([
      'Dockerfile',
    ]);
  });

  it('does not go into a link that lies there alone', async () => {
    const { root } = await unpack(archive(symlink('app', '/etc')));
    expect(await readlink(join(root, 'app'))).toBe('/etc');
  });

  it('keeps times and what may be executed, and nothing else of modes and owners', async () => {
    const before = process.umask(0o077);
    const { root } = await unpack(
      archive(
        directory('bin/', { mode: 0o700, mtime: 1_600_000_000 }),
        file('bin/run', '#!/bin/sh', { mode: 0o6775, uid: 12345, mtime: 1_500_000_000 }),
        file('secret', '', { mode: 0o600 }),
        file('made/up', '', { mtime: 1_400_000_000 }),
      ),
    ).finally(() => process.umask(before));
    const facts = async (path: string) => {
      const { mode, mtimeMs, uid } = await stat(join(root, path));
      return [(mode & 0o7777).toString(8), mtimeMs / 1000, uid];
    };
    const uid = process.getuid?.();
    expect(await facts('bin')).toEqual(['755', 1_600_000_000, uid]);
    expect(await facts('bin/run')).toEqual(['755', 1_500_000_000, uid]);
    expect(await facts('secret')).toEqual(['644', 1_700_000_000, uid]);
    expect(await facts('made')).toEqual(['755', 1_400_000_000, uid]);
  });

  it('has its links as they are, wherever they lead, and nothing written through them', async () => {
    const outside = await temporaryFolder();
    const { root } = await unpack(
      archive(
        symlink('out', outside),
        symlink('loop', 'loop'),
        file('a', 'one'),
        hardlink('b', 'a'),
        symlink('up', '../../..'),
      ),
    );
    expect(await readlink(join(root, 'out'))).toBe(outside);
    expect(await readlink(join(root, 'up'))).toBe('../../..');
    expect((await lstat(join(root, 'loop'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(root, 'b'), 'utf8')).toBe('one');
    expect(await readdir(outside)).toEqual([]);
  });

  it('lies in a folder that nobody else can enter', async () => {
    const { root } = await unpack(archive(file('a'), file('b')));
    expect(((await stat(root)).mode & 0o777).toString(8)).toBe('700');
  });

  it('may say with a comment for all which commit it is of', async () => {
    const comment = pax(record('comment', '1a2b3c'), 'g');
    expect(await everything((await unpack(archive(comment, file('a'), file('b')))).root)).toEqual(['a', 'b']);
    const other = pax(record('uid', '0'), 'g');
    await expect(unpack(archive(other, file('a')))).rejects.toMatchObject({ code: 'TAR_PAX_INVALID' });
  });

  it.each([
    ['a way out', archive(file('../evil')), 'TAR_PATH_UNSAFE'],
    ['an absolute name', archive(file('/etc/evil')), 'TAR_PATH_UNSAFE'],
    ['a file behind a link', archive(symlink('a', '/tmp'), file('a/evil')), 'TAR_LINK_UNSAFE'],
    ['a link in the place of a folder', archive(file('a/x'), symlink('a', '/tmp')), 'TAR_DUPLICATE'],
    ['a link in the place of a file', archive(file('a'), symlink('a', '/tmp')), 'TAR_DUPLICATE'],
    ['a hard link out of it', archive(hardlink('a', '/etc/passwd')), 'TAR_PATH_UNSAFE'],
    ['a hard link to a symlink', archive(symlink('a', '/etc/passwd'), hardlink('b', 'a')), 'TAR_LINK_UNSAFE'],
    ['a device', archive(file('null', '', { type: '3' })), 'TAR_DEVICE'],
    ['an archive that was cut short', archive(file('a', 'x'.repeat(600))).subarray(0, 1024), 'TAR_TRUNCATED'],
    ['damaged gzip', gzipSync(archive(file('a'))).subarray(0, 40), 'GZIP_INVALID'],
    [
      'bytes behind gzip',
      Buffer.concat([gzipSync(archive(file('a'))), Buffer.from('x')]),
      'GZIP_TRAILING_DATA',
    ],
    ['damaged zstd', zstdCompressSync(archive(file('a'))).subarray(0, 40), 'ZSTD_INVALID'],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]), 'SOURCE_UNSUPPORTED'],
  ])('is refused with %s', async (_name, bytes, code) => {
    await expect(unpack(bytes)).rejects.toMatchObject({ code });
  });

  it('is refused beyond its limits', async () => {
    const two = archive(file('a'), file('b', 'x'.repeat(100)));
    await expect(unpack(two, { maxMembers: 1 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(unpack(two, { maxMemberBytes: 99 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(unpack(two, { maxTotalBytes: 1024 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    const bomb = archive(file('a', Buffer.alloc(70 * 1024 * 1024)));
    await expect(unpack(gzipSync(bomb))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(unpack(zstdCompressSync(bomb))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it("with a name that no file system holds is refused as the archive's fault", async () => {
    const long = archive(
      file('x'.repeat(90)),
      pax({ path: `${'y'.repeat(250)}/`.repeat(16) + 'z'.repeat(70) }),
      file('p'),
    );
    await expect(unpack(long)).rejects.toMatchObject({ code: 'TAR_PATH_UNSAFE' });
  });

  it('is not unpacked when called off', async () => {
    const reason = new Error('stop');
    await expect(unpack(archive(file('a')), {}, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describeWith(['git', 'gnutar'], 'an archive that tools make', ({ git }) => {
  it('of a commit is what git has', async () => {
    const repository = await temporaryFolder();
    await writeFiles(repository, { 'a.txt': 'a', 'deep/er/b.sh': '#!/bin/sh\n' });
    const run = (...args: string[]) =>
      execFileSync(git, ['-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { cwd: repository });
    run('init', '-q');
    run('add', '.');
    run('commit', '-qm', 'x');
    const tar = run('archive', '--format=tar.gz', '--prefix=repo-1.0/', 'HEAD');
    const { root } = await unpack(tar);
    expect(await everything(root)).toEqual(['a.txt', 'deep', 'deep/er', 'deep/er/b.sh']);
  });

  it('of a folder with links is that folder', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'app/index.js': '1' });
    await mkdir(join(folder, 'app/empty'));
    execFileSync('ln', ['-s', 'index.js', join(folder, 'app/main.js')]);
    await writeFile(join(folder, 'app', 'n'.repeat(200)), 'long');
    const { root } = await unpack(tarOf(folder, './app'));
    expect(await everything(root)).toEqual(['empty', 'index.js', 'main.js', 'n'.repeat(200)].sort());
  });
});

describe('what a tar archive is', () => {
  it('is told by its first header', () => {
    expect(isTar(archive(file('a')))).toBe(true);
    expect(isTar(gzipSync(archive(file('a'))))).toBe(true);
    expect(isTar(zstdCompressSync(archive(file('a'))))).toBe(true);
    expect(isTar(archive())).toBe(true);
    expect(isTar(Buffer.from('FROM scratch\n'.repeat(100)))).toBe(false);
    expect(isTar(gzipSync(Buffer.from('FROM scratch\n'.repeat(100))))).toBe(false);
    expect(isTar(Buffer.from([0x1f, 0x8b, 1, 2, 3]))).toBe(false);
    expect(isTar(Buffer.alloc(0))).toBe(false);
  });
});
