import { createReadStream, createWriteStream, readdirSync, rmSync } from 'node:fs';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { openDockerArchive, writeDockerArchive } from '../../../src/oci/archives/docker-archive.ts';
import { openOciArchive } from '../../../src/oci/archives/oci-archive.ts';
import { copy } from '../../../src/oci/copy.ts';
import { findImage } from '../../../src/oci/listing.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { validate } from '../../../src/oci/validate.ts';
import {
  describeBytes,
  putSmallImage,
  putSmallIndex,
  sha256,
  TYPES,
  tarOf,
} from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { configText, type Member, manifestText, opened, tarOfMembers } from './archives.ts';

const base = await tarOf({ 'etc/base': 'base' });
const app = await tarOf({ 'app/hello': 'hello', 'app/large': Buffer.alloc(300_000, 'x') });
const config: Member = [{ name: 'config.json' }, configText([base, app])];
const manifest: Member = [
  { name: 'manifest.json' },
  manifestText({ Layers: ['base/layer.tar', 'app/layer.tar'] }),
];

async function expectImage(archive: Awaited<ReturnType<typeof opened>>, reference?: string): Promise<void> {
  const image = await loadImage(archive, await findImage(archive, reference));
  expect(image.layers.map((layer) => layer.diffId)).toEqual([sha256(base), sha256(app)]);
  expect(Buffer.from(image.configBytes).toString()).toBe(configText([base, app]));
  expect(await validate(archive, image.descriptor)).toEqual([]);
  const copied = createMemoryTarget();
  await copy(archive, copied, image.descriptor);
  expect(await validate(copied, image.descriptor)).toEqual([]);
}

describe('reading a docker-archive', () => {
  const usual: Member[] = [
    [{ name: 'base/layer.tar' }, base],
    [{ name: 'app/layer.tar' }, app],
    config,
    manifest,
  ];

  it.each([
    ['with the manifest last', usual],
    ['with the manifest first', usual.toReversed()],
    [
      'with names that begin with ./',
      usual.map(([header, content]): Member => [{ ...header, name: `./${header.name}` }, content]),
    ],
    [
      'with layers linked to each other by symlinks',
      [
        [{ name: 'aaa.tar' }, base],
        [{ name: 'base/layer.tar', type: 'symlink', linkname: '../aaa.tar' }],
        ...usual.slice(1),
      ],
    ],
    [
      'with hard links',
      [
        [{ name: 'aaa.tar' }, base],
        [{ name: 'base/layer.tar', type: 'link', linkname: 'aaa.tar' }],
        ...usual.slice(1),
      ],
    ],
    ['with a layer compressed with gzip', [[{ name: 'base/layer.tar' }, gzipSync(base)], ...usual.slice(1)]],
    [
      'with a layer compressed with zstd',
      [[{ name: 'base/layer.tar' }, zstdCompressSync(base)], ...usual.slice(1)],
    ],
    ['with a layer there twice', [...usual.slice(0, 1), ...usual]],
    [
      'with names longer than ustar has room for',
      [
        [{ name: `${'long/'.repeat(60)}layer.tar` }, base],
        [{ name: 'base/layer.tar', type: 'symlink', linkname: `../${'long/'.repeat(60)}layer.tar` }],
        ...usual.slice(1),
      ],
    ],
    [
      'with what old versions of Docker add',
      [[{ name: 'repositories' }, '{}'], [{ name: 'base/VERSION' }, '1.0'], ...usual],
    ],
  ] as [string, Member[]][])('%s', async (_what, members) => {
    await expectImage(await opened(await tarOfMembers(members)));
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('that is compressed as a whole with %s', async (_name, compress) => {
    const archive = await opened(compress(await tarOfMembers(usual)));
    await expectImage(archive);
    await archive.dispose();
    expect(await readdir(archive.folder)).toEqual(['image.tar']);
  });

  it('from a stream', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'image.tar'), gzipSync(await tarOfMembers(usual)));
    const archive = await openDockerArchive(createReadStream(join(folder, 'image.tar')), {
      temp: createTempFiles(folder),
    });
    expect(await archive.list()).toHaveLength(1);
    await archive.dispose();
    expect(await readdir(folder)).toEqual(['image.tar']);
  });

  it('keeps a compressed layer as it is', async () => {
    const zipped = gzipSync(base);
    const archive = await opened(
      await tarOfMembers([[{ name: 'base/layer.tar' }, zipped], ...usual.slice(1)]),
    );
    const image = await loadImage(archive, await findImage(archive));
    expect(image.layers.map((layer) => layer.descriptor)).toEqual([
      describeBytes(zipped, TYPES.gzip),
      describeBytes(app, TYPES.tar),
    ]);
  });

  it('with the same layer several times', async () => {
    const archive = await opened(
      await tarOfMembers([
        [{ name: 'a.tar' }, base],
        [{ name: 'config.json' }, configText([base, base])],
        [{ name: 'manifest.json' }, manifestText({ Layers: ['a.tar', 'gone.tar'] })],
      ]),
    );
    const image = await loadImage(archive, await findImage(archive));
    expect(image.layers).toHaveLength(2);
  });

  it('with no layer at all', async () => {
    const archive = await opened(
      await tarOfMembers([
        [{ name: 'config.json' }, configText([])],
        [{ name: 'manifest.json' }, manifestText({ Layers: null, RepoTags: null })],
      ]),
    );
    expect((await loadImage(archive, await findImage(archive))).layers).toEqual([]);
  });

  it('with several images, by name', async () => {
    const archive = await opened(
      await tarOfMembers([
        ...usual.slice(0, 3),
        [{ name: 'other.json' }, configText([app])],
        [
          { name: 'manifest.json' },
          manifestText(
            {
              RepoTags: ['app:v1', 'docker.io/team/app:latest'],
              Layers: ['base/layer.tar', 'app/layer.tar'],
            },
            { RepoTags: ['other:v1'], Config: 'other.json', Layers: ['app/layer.tar'] },
          ),
        ],
      ]),
    );
    for (const name of ['app:v1', 'docker.io/library/app:v1', 'team/app']) await expectImage(archive, name);
    expect((await loadImage(archive, await findImage(archive, 'other:v1'))).layers).toHaveLength(1);
    await expect(findImage(archive)).rejects.toMatchObject({
      code: 'IMAGE_AMBIGUOUS',
      message: expect.stringContaining('app:v1, docker.io/team/app:latest, other:v1'),
    });
    await expect(findImage(archive, 'app:v2')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('as Docker 25 and later save it takes the manifest in it', async () => {
    const saved = await savedByDocker25({});
    const archive = await opened(saved.bytes);
    expect(await findImage(archive)).toEqual(saved.manifest);
    await expectImage(archive);
  });

  it.each([
    ['has no layers (moby#47065)', { layers: [] }],
    ['is about another config', { config: describeBytes('other', TYPES.config) }],
    [
      'names layers that are not there',
      { layers: [describeBytes('x', TYPES.tar), describeBytes('y', TYPES.tar)] },
    ],
  ])('makes a manifest when the one in it %s', async (_what, fields) => {
    const saved = await savedByDocker25(fields);
    const archive = await opened(saved.bytes);
    expect((await findImage(archive)).digest).not.toBe(saved.manifest.digest);
    await expectImage(archive);
  });

  it('is read to the end of a member although what was kept aside of it is removed meanwhile', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'image.tar.gz');
    await writeFile(path, gzipSync(await tarOfMembers(usual)));
    const archive = await openDockerArchive(path, { temp: createTempFiles(folder) });
    const { layers } = await loadImage(archive, await findImage(archive));
    const stream = await layers[1]?.open(undefined, { verify: false });
    for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name));
    expect(stream && sha256(await buffer(stream))).toBe(sha256(app));
    await archive.dispose();
  });

  it('can only be read', async () => {
    const archive = await opened(await tarOfMembers(usual));
    const image = await findImage(archive);
    await expect(archive.tag(image, 'x')).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

async function savedByDocker25(fields: Readonly<Record<string, unknown>>) {
  const path = (bytes: string | Uint8Array): string => `blobs/sha256/${sha256(bytes).slice(7)}`;
  const text = configText([base, app]);
  const document = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: describeBytes(text, TYPES.config),
    layers: [describeBytes(base, TYPES.tar), describeBytes(app, TYPES.tar)],
    annotations: { saved: 'by Docker' },
    ...fields,
  });
  const manifestDescriptor = describeBytes(document, TYPES.manifest);
  const index = { schemaVersion: 2, manifests: [manifestDescriptor] };
  const bytes = await tarOfMembers([
    [{ name: 'blobs/', type: 'directory' }],
    ...[base, app, text, document].map((blob): Member => [{ name: path(blob) }, blob]),
    [{ name: 'index.json' }, JSON.stringify(index)],
    [{ name: 'oci-layout' }, '{"imageLayoutVersion":"1.0.0"}'],
    [{ name: 'manifest.json' }, manifestText({ Config: path(text), Layers: [path(base), path(app)] })],
  ]);
  return { bytes, manifest: manifestDescriptor };
}

describe('a docker-archive that is none', () => {
  const layers: Member[] = [
    [{ name: 'base/layer.tar' }, base],
    [{ name: 'app/layer.tar' }, app],
  ];

  it.each([
    ['text', async () => Buffer.from('no archive at all'.repeat(100)), 'TAR_HEADER_INVALID'],
    ['nothing', async () => Buffer.alloc(0), 'ARCHIVE_INVALID'],
    ['no manifest', () => tarOfMembers(layers), 'ARCHIVE_INVALID'],
    ['bzip2', async () => Buffer.from('BZh91AY&SY'), 'ARCHIVE_INVALID'],
    [
      'a cut gzip',
      async () => gzipSync(await tarOfMembers([...layers, config, manifest])).subarray(0, 200),
      'GZIP_INVALID',
    ],
    [
      'a manifest that is no JSON',
      () => tarOfMembers([[{ name: 'manifest.json' }, '[{']]),
      'ARCHIVE_INVALID',
    ],
    ['an empty manifest', () => tarOfMembers([[{ name: 'manifest.json' }, '[]']]), 'ARCHIVE_INVALID'],
    [
      'a manifest of numbers',
      () => tarOfMembers([[{ name: 'manifest.json' }, '[{"Config":1}]']]),
      'ARCHIVE_INVALID',
    ],
    ['two manifests', () => tarOfMembers([...layers, config, manifest, manifest]), 'ARCHIVE_INVALID'],
    [
      'a name that climbs',
      () => tarOfMembers([[{ name: '../x' }, 'x'], ...layers, config, manifest]),
      'TAR_PATH_UNSAFE',
    ],
    [
      'a manifest of 5 MB',
      () => tarOfMembers([[{ name: 'manifest.json' }, Buffer.alloc(5_000_000, ' ')]]),
      'ARCHIVE_INVALID',
    ],
  ] as [string, () => Promise<Buffer>, string][])('is refused: %s', async (_what, make, code) => {
    await expect(opened(await make())).rejects.toMatchObject({ code });
  });

  it.each([
    ['a missing layer', [...layers.slice(1), config, manifest], 'ARCHIVE_INVALID'],
    ['a missing config', [...layers, manifest], 'ARCHIVE_INVALID'],
    [
      'a config out of the archive',
      [...layers, config, [{ name: 'manifest.json' }, manifestText({ Config: '/etc/passwd', Layers: [] })]],
      'ARCHIVE_INVALID',
    ],
    [
      'a link out of the archive',
      [
        ...layers.slice(1),
        [{ name: 'base/layer.tar', type: 'symlink', linkname: '../../../etc/passwd' }],
        config,
        manifest,
      ],
      'ARCHIVE_INVALID',
    ],
    [
      'a link to itself',
      [
        ...layers.slice(1),
        [{ name: 'base/layer.tar', type: 'symlink', linkname: 'layer.tar' }],
        config,
        manifest,
      ],
      'ARCHIVE_INVALID',
    ],
    [
      'fewer layers than the config has',
      [...layers, config, [{ name: 'manifest.json' }, manifestText({ Layers: ['app/layer.tar'] })]],
      'ARCHIVE_INVALID',
    ],
    [
      'a compressed layer that holds something else',
      [[{ name: 'base/layer.tar' }, gzipSync(app)], ...layers.slice(1), config, manifest],
      'DIGEST_MISMATCH',
    ],
    [
      'a layer compressed with xz',
      [[{ name: 'base/layer.tar' }, '\xfd7zXZ\0'], config, manifest],
      'ARCHIVE_INVALID',
    ],
    ['a config that is none', [...layers, [{ name: 'config.json' }, '{}'], manifest], 'MANIFEST_INVALID'],
  ] as [string, Member[], string][])('is refused when it has %s', async (_what, members, code) => {
    const bytes = await tarOfMembers(
      members.map(
        ([header, content]): Member => [
          header,
          typeof content === 'string' ? Buffer.from(content, 'latin1') : content,
        ],
      ),
    );
    const archive = await opened(bytes);
    await expect(findImage(archive)).rejects.toMatchObject({ code });
  });

  it('is noticed when a layer is not what the config says', async () => {
    const archive = await opened(
      await tarOfMembers([[{ name: 'base/layer.tar' }, app], ...layers.slice(1), config, manifest]),
    );
    const image = await findImage(archive);
    await expect(copy(archive, createMemoryTarget(), image)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  it('is refused wherever it is cut', async () => {
    const whole = await tarOfMembers([...layers, config, manifest]);
    const folder = await temporaryFolder();
    const path = join(folder, 'image.tar');
    await writeFile(path, whole);
    // Only the zero blocks at its end are missed by nobody.
    for (let size = whole.length - 1024 - 512; size > 0; size -= 9973) {
      await truncate(path, size);
      const opening = openDockerArchive(path, { temp: createTempFiles(folder) });
      await expect(opening, `${size} bytes`).rejects.toMatchObject({
        code: expect.stringMatching(/TAR_TRUNCATED|ARCHIVE_INVALID/),
      });
    }
  });

  it('is refused when it is cut within a layer that nobody asked for yet', async () => {
    const whole = await tarOfMembers([manifest, config, ...layers]);
    await expect(opened(whole.subarray(0, whole.length - 100_000))).rejects.toMatchObject({
      code: 'TAR_TRUNCATED',
    });
  });

  it('is bounded in what it may become', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'bomb'), gzipSync(Buffer.alloc(2_000_000)));
    const opening = openDockerArchive(join(folder, 'bomb'), {
      temp: createTempFiles(folder),
      maxBytes: 1_000_000,
    });
    await expect(opening).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await readdir(folder)).toEqual(['bomb']);
  });

  it('is refused when its manifest is said to have 4 GiB, without reading them', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'image.tar');
    const whole = await tarOfMembers([[{ name: 'manifest.json' }, 'x']]);
    const header = Buffer.from(whole.subarray(0, 512));
    header.write('40000000000\0', 124, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await writeFile(path, header);
    // A hole: it takes no room on the disk.
    await truncate(path, 512 + 4 * 1024 ** 3 + 1024);
    await expect(openDockerArchive(path, { temp: createTempFiles(folder) })).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('4294967296 bytes'),
    });
  });

  it('fails by name, whatever byte of it is damaged', async () => {
    const whole = await tarOfMembers([
      config,
      manifest,
      [{ name: 'base/layer.tar' }, base],
      [{ name: 'app/layer.tar' }, app],
    ]);
    const folder = await temporaryFolder();
    const path = join(folder, 'image.tar');
    const temp = createTempFiles(folder);
    // Headers and documents; what is behind them are layers, which their digest protects.
    const damage = fc.tuple(fc.nat(3000), fc.nat(255));
    const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (places) => {
      const bytes = Buffer.from(whole);
      for (const [at, byte] of places) bytes[at] = byte;
      await writeFile(path, bytes);
      try {
        await using archive = await openDockerArchive(path, { temp });
        await validate(archive, await findImage(archive));
      } catch (error) {
        expect(error).toBeInstanceOf(DogwoodError);
        expect((error as DogwoodError).kind.fault).toBe('user');
      }
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('is not found, or a folder', async () => {
    const folder = await temporaryFolder();
    const options = { temp: createTempFiles(folder) };
    await expect(openDockerArchive(join(folder, 'x'), options)).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
    });
    await expect(openDockerArchive(folder, options)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });
});

describe('writing a docker-archive', () => {
  it.each(['tar', 'gzip', 'zstd'] as const)(
    'of %s layers can be read again, to the byte',
    async (compression) => {
      const memory = createMemoryTarget();
      const put = await putSmallImage(memory, { compression, layers: [base, app, base] });
      const folder = await temporaryFolder();
      const path = join(folder, 'image.tar');
      await writeDockerArchive(memory, put.descriptor, path, { repoTags: ['app:v1', 'r.example/team/app'] });
      expect(await readdir(folder)).toEqual(['image.tar']);
      const bytes = await readFile(path);
      const archive = await opened(bytes);
      expect((await archive.list()).map((image) => image.name)).toEqual([
        'app:v1',
        'r.example/team/app:latest',
      ]);
      const image = await loadImage(archive, await findImage(archive));
      expect(image.manifest.config.digest).toBe(put.config.digest);
      expect(image.layers.map((layer) => layer.diffId)).toEqual(put.diffIds);
      expect(await validate(archive, image.descriptor)).toEqual([]);

      const asLayout = await opened(bytes, openOciArchive);
      expect(await findImage(asLayout, 'docker.io/library/app:v1')).toEqual(image.descriptor);
    },
  );

  it('gives the same bytes to a file and to a stream, whatever the compression was', async () => {
    const memory = createMemoryTarget();
    const [zipped, plain] = [
      await putSmallImage(memory),
      await putSmallImage(memory, { compression: 'tar' }),
    ];
    const folder = await temporaryFolder();
    const [file, streamed] = [join(folder, 'a'), join(folder, 'b')];
    await writeDockerArchive(memory, zipped.descriptor, file, { repoTags: ['x'] });
    await writeDockerArchive(memory, plain.descriptor, createWriteStream(streamed), { repoTags: ['x'] });
    expect(Buffer.compare(await readFile(file), await readFile(streamed))).toBe(0);
  });

  it('takes the image of an index for a platform', async () => {
    const memory = createMemoryTarget();
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ] as const;
    const { descriptor, images } = await putSmallIndex(memory, platforms);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeDockerArchive(memory, descriptor, path, { repoTags: [], platform: platforms[1] });
    const archive = await opened(await readFile(path));
    const image = await loadImage(archive, await findImage(archive));
    expect(image.manifest.config.digest).toBe(images[1]?.config.digest);
  });

  it('leaves an older file alone when a layer is not what the config says', async () => {
    const memory = createMemoryTarget();
    const rootfs = { type: 'layers', diff_ids: [sha256(base), sha256('other')] };
    const { descriptor } = await putSmallImage(memory, { config: { rootfs } });
    const folder = await temporaryFolder();
    const path = join(folder, 'image.tar');
    await writeFile(path, 'older');
    await expect(writeDockerArchive(memory, descriptor, path, { repoTags: [] })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(await readFile(path, 'utf8')).toBe('older');
    expect(await readdir(folder)).toEqual(['image.tar']);
  });

  it.each(['.', 'missing/image.tar'])('says why it cannot be written to %s', async (name) => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallImage(memory);
    const path = join(await temporaryFolder(), name);
    await expect(writeDockerArchive(memory, descriptor, path, { repoTags: [] })).rejects.toMatchObject({
      code: 'STORE_UNWRITABLE',
      message: expect.stringContaining('folder'),
    });
  });

  it('fails when nobody reads the stream to its end', async () => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallImage(memory, { layers: [app], compression: 'tar' });
    const folder = await temporaryFolder();
    const out = createWriteStream(join(folder, 'out'));
    out.destroy();
    const temp = createTempFiles(folder);
    await expect(writeDockerArchive(memory, descriptor, out, { repoTags: [], temp })).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name !== 'out')).toEqual([]);
  });

  it.each(['app@sha256:1', 'APP', `app@${sha256('x')}`])('refuses %s as a name', async (name) => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallImage(memory);
    const writing = writeDockerArchive(memory, descriptor, '/nowhere/x', { repoTags: [name] });
    await expect(writing).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
  });
});
