import { createHash } from 'node:crypto';
import { chmod, link, symlink as makeSymlink, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { tarStream } from '../../../src/oci/tar/writer.ts';
import { describeWith } from '../../helpers/engines.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { listing, observe } from './observe.ts';
import * as raw from './raw-tar.ts';

/**
 * Lists an archive with Python's tarfile, in the form of `listing`: names normalised as every reader does when it
 * unpacks.
 */
const PYTHON_LIST = `
import hashlib, json, posixpath, sys, tarfile
def norm(name):
    name = posixpath.normpath(name)
    return '' if name == '.' else name
with tarfile.open(sys.argv[1], 'r:', encoding='utf-8') as archive:
    for m in archive:
        kind = 'file' if m.isreg() else 'directory' if m.isdir() else 'symlink' if m.issym() else 'hardlink' if m.islnk() else m.type.decode()
        link = m.linkname if m.issym() else norm(m.linkname) if m.islnk() else ''
        data = hashlib.sha256(archive.extractfile(m).read()).hexdigest() if kind == 'file' else ''
        print(json.dumps([norm(m.name), kind, m.size if kind == 'file' else 0, link, data], ensure_ascii=False, separators=(',', ':')))
`;

const PYTHON_PACK = `
import sys, tarfile
formats = {'ustar': tarfile.USTAR_FORMAT, 'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}
with tarfile.open(sys.argv[1], 'w:', format=formats[sys.argv[2]], encoding='utf-8') as archive:
    archive.add('app')
`;

const LONG_FOLDER = `${'folder-with-a-long-name/'.repeat(4)}end`;
const LONG_LINK = `../${'elsewhere/'.repeat(20)}x`;

/** A tree with what real applications have. `plain` leaves out what the oldest formats cannot say. */
async function makeTree(root: string, plain: boolean): Promise<void> {
  const app = join(root, 'app');
  await mkdir(join(app, 'private/deeper'), { recursive: true });
  await mkdir(join(app, 'empty'));
  await writeFile(join(app, 'Procfile'), 'web: node server.js\n');
  await writeFile(join(app, 'nothing'), '');
  await writeFile(join(app, 'block'), Buffer.alloc(1024, 'b'));
  await writeFile(join(app, 'private/secret'), 's'.repeat(700));
  await writeFile(join(app, 'with space \\ and "quotes"'), 'x');
  await writeFile(join(app, 'run'), '#!/bin/sh\n', { mode: 0o755 });
  await link(join(app, 'private/secret'), join(app, 'same-secret'));
  await makeSymlink('../Procfile', join(app, 'private/link'));
  await makeSymlink('/etc/hostname', join(app, 'outside'));
  if (!plain) {
    await mkdir(join(app, LONG_FOLDER), { recursive: true });
    await writeFile(join(app, LONG_FOLDER, `${'n'.repeat(60)}.js`), 'long');
    await writeFile(join(app, 'é-ü-漢字-🌳'), 'unicode');
    await writeFile(join(app, 'x'.repeat(150)), 'one long segment');
    await makeSymlink(LONG_LINK, join(app, 'long-link'));
    await link(join(app, 'x'.repeat(150)), join(app, 'hard-to-long'));
  }
  await chmod(join(app, 'private'), 0o700);
}

interface Trees {
  readonly folder: string;
  readonly plain: string;
  readonly full: string;
}

describeWith(
  ['gnutar', 'bsdtar', 'python3'],
  'readers agree on what is accepted',
  ({ gnutar, bsdtar, python3 }) => {
    const environment = { LC_ALL: 'C.UTF-8', TZ: 'UTC' };
    let trees: Trees;

    beforeAll(async () => {
      const folder = await temporaryFolder();
      trees = { folder, plain: join(folder, 'plain'), full: join(folder, 'full') };
      await makeTree(trees.plain, true);
      await makeTree(trees.full, false);
    });

    const python = async (archive: string): Promise<string[]> => {
      const { stdout } = await execa(python3, ['-c', PYTHON_LIST, archive], { env: environment });
      return stdout === '' ? [] : stdout.split('\n');
    };

    /** GNU tar and bsdtar say least in a listing that can be parsed: what they unpack is packed up by Python again. */
    const unpacked = async (tool: string, archive: string): Promise<string[]> => {
      const into = await temporaryFolder();
      await execa(tool, ['-x', '-p', '-f', archive, '-C', into], { env: environment });
      const { stdout } = await execa(python3, ['-c', WALK, into], { env: environment });
      return stdout === '' ? [] : stdout.split('\n');
    };

    const names = async (tool: string, archive: string): Promise<string[]> => {
      const quoting = tool === gnutar ? ['--quoting-style=literal'] : [];
      const { stdout } = await execa(tool, ['-t', '-f', archive, ...quoting], { env: environment });
      // bsdtar shows a backslash as two.
      const lines = stdout
        .split('\n')
        .map((line) => (tool === bsdtar ? line.replaceAll('\\\\', '\\') : line));
      return lines.map(normalised);
    };

    const expectAgreement = async (archive: string): Promise<void> => {
      const observed = observe(await readFile(archive));
      const ours = listing(observed);
      expect(ours.length).toBeGreaterThan(0);
      expect(await python(archive)).toEqual(ours);
      expect(await names(gnutar, archive)).toEqual(observed.map(({ entry }) => entry.path));
      expect(await names(bsdtar, archive)).toEqual(observed.map(({ entry }) => entry.path));
      const tree = treeOf(ours);
      expect(await unpacked(gnutar, archive)).toEqual(tree);
      expect(await unpacked(bsdtar, archive)).toEqual(tree);
    };

    const packed = async (
      name: string,
      tool: string,
      args: readonly string[],
      tree: string,
    ): Promise<string> => {
      const archive = join(trees.folder, `${name}.tar`);
      await execa(
        tool,
        args.map((arg) => (arg === 'ARCHIVE' ? archive : arg)),
        { cwd: tree, env: environment },
      );
      return archive;
    };

    test.each(['v7', 'ustar', 'oldgnu', 'gnu', 'posix'])('GNU tar, %s', async (format) => {
      const tree = format === 'v7' || format === 'ustar' ? trees.plain : trees.full;
      for (const start of ['app', './app', '.']) {
        await expectAgreement(
          await packed(`gnu-${format}`, gnutar, ['-c', '-f', 'ARCHIVE', `--format=${format}`, start], tree),
        );
      }
    });

    test.each(['v7', 'ustar', 'gnutar', 'pax', 'paxr'])('bsdtar, %s', async (format) => {
      const tree = format === 'v7' || format === 'ustar' ? trees.plain : trees.full;
      await expectAgreement(
        await packed(`bsd-${format}`, bsdtar, ['-c', '-f', 'ARCHIVE', '--format', format, './app'], tree),
      );
    });

    test.each(['ustar', 'gnu', 'pax'])('Python, %s', async (format) => {
      const tree = format === 'ustar' ? trees.plain : trees.full;
      await expectAgreement(
        await packed(`py-${format}`, python3, ['-c', PYTHON_PACK, 'ARCHIVE', format], tree),
      );
    });

    const written = async (name: string, bytes: Uint8Array): Promise<string> => {
      const archive = join(trees.folder, `${name}.tar`);
      await writeFile(archive, bytes);
      return archive;
    };

    test('our writer', async () => {
      const source = await packed(
        'source',
        gnutar,
        ['-c', '-f', 'ARCHIVE', '--format=posix', './app'],
        trees.full,
      );
      const entries = observe(await readFile(source)).map(({ entry, content }) => ({
        path: entry.path,
        type: entry.type,
        mode: entry.mode,
        mtime: entry.mtime,
        // Ids that ustar cannot hold; whoever unpacks is root or keeps its own.
        uid: 3_000_000,
        gid: 3_000_001,
        linkTarget: entry.linkTarget,
        size: entry.size,
        ...(entry.type === 'file' ? { content: [content] } : {}),
      }));
      await expectAgreement(await written('ours', await buffer(tarStream(entries))));
    });

    test.each<[string, Buffer]>([
      [
        'spellings of one folder',
        raw.archive(raw.directory('./a/'), raw.file('a/./b', 'x'), raw.file('.//a//c', 'y')),
      ],
      [
        'old directories',
        raw.archive(
          raw.file('d/', '', { type: '\0', magic: raw.V7 }),
          raw.file('d/x', 'y', { type: '\0', magic: raw.V7 }),
        ),
      ],
      ['a signed checksum', raw.archive(raw.file('é', 'x', { signedChecksum: true }))],
      [
        'numbers with spaces',
        raw.archive(raw.file('x', 'y', { mode: '   644 \0', uid: '1750   \0', size: '          1 ' })),
      ],
      [
        'the comment of git archive',
        raw.archive(raw.pax({ comment: 'a'.repeat(40) }, 'g'), raw.file('x', 'y')),
      ],
      ['a PAX size that repeats the header', raw.archive(raw.pax({ size: '3' }), raw.file('x', 'abc'))],
      [
        'PAX over a ustar prefix',
        raw.archive(raw.pax({ path: 'real' }), raw.file('x', 'abc', { prefix: 'other' })),
      ],
      [
        'PAX in front of a GNU header',
        raw.archive(raw.pax({ path: 'real' }), raw.file('x', 'abc', { magic: raw.GNU })),
      ],
      [
        'a GNU long name in front of a ustar header',
        raw.archive(raw.longName('real'), raw.file('x', 'abc', { prefix: 'p' })),
      ],
      ['a prefix of 155 bytes', raw.archive(raw.file('n', 'abc', { prefix: 'p'.repeat(155) }))],
      [
        'a base-256 size',
        raw.archive(
          raw.file('x', 'abc', {
            size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]),
            magic: raw.GNU,
          }),
        ),
      ],
      [
        'data in the padding',
        Buffer.concat([
          raw.header({ name: 'x', size: 3 }),
          Buffer.alloc(512, 'abcd'),
          raw.file('y', 'z'),
          raw.END,
        ]),
      ],
      ['a file before its folder', raw.archive(raw.file('d/x', '1'), raw.directory('d'))],
    ])('%s', async (name, bytes) => {
      await expectAgreement(await written(name.replaceAll(' ', '-'), bytes));
    });
  },
);

/** Lists an unpacked tree in the form of `treeOf`. */
const WALK = `
import hashlib, json, os, sys
root = sys.argv[1]
rows = []
for folder, folders, files in os.walk(root):
    for name in folders + files:
        path = os.path.join(folder, name)
        kind = 'symlink' if os.path.islink(path) else 'directory' if os.path.isdir(path) else 'file'
        link = os.readlink(path) if kind == 'symlink' else ''
        data = open(path, 'rb').read() if kind == 'file' else b''
        hashed = hashlib.sha256(data).hexdigest() if kind == 'file' else ''
        rows.append(json.dumps([os.path.relpath(path, root), kind, len(data), link, hashed], ensure_ascii=False, separators=(',', ':')))
print('\\n'.join(sorted(rows)))
`;

function normalised(name: string): string {
  return name
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}

type Row = [path: string, type: string, size: number, link: string, hash: string];

/** The tree that a listing describes: hard links are files, implied folders are there, the root is not. */
function treeOf(lines: readonly string[]): string[] {
  const rows = new Map<string, Row>();
  const folder = (path: string): void => {
    if (path === '' || rows.has(path)) return;
    rows.set(path, [path, 'directory', 0, '', '']);
  };
  for (const line of lines) {
    const row = JSON.parse(line) as Row;
    const [path, type, , link] = row;
    const segments = path.split('/');
    for (let depth = 1; depth < segments.length; depth++) folder(segments.slice(0, depth).join('/'));
    if (path === '') continue;
    const target = type === 'hardlink' ? rows.get(link) : undefined;
    rows.set(path, target === undefined ? row : [path, 'file', target[2], '', target[4]]);
  }
  return [...rows.values()].map((row) => JSON.stringify(row)).sort(byCodePoint);
}

/** Python sorts by code point, JavaScript by UTF-16 unit. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test('the tree of a listing', () => {
  const file = JSON.stringify(['a/b', 'file', 1, '', createHash('sha256').update('x').digest('hex')]);
  const hard = JSON.stringify(['c', 'hardlink', 0, 'a/b', '']);
  expect(treeOf([file, hard]).map((line) => JSON.parse(line).slice(0, 3))).toEqual([
    ['a', 'directory', 0],
    ['a/b', 'file', 1],
    ['c', 'file', 1],
  ]);
});
