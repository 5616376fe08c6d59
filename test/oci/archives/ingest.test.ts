import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { writeDockerArchive } from '../../../src/oci/archives/docker-archive.ts';
import { type IngestOptions, ingestArchive } from '../../../src/oci/archives/ingest.ts';
import { writeOciArchive } from '../../../src/oci/archives/oci-archive.ts';
import { copy } from '../../../src/oci/copy.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { findImage } from '../../../src/oci/listing.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { validate } from '../../../src/oci/validate.ts';
import { putSmallImage, putSmallIndex, sha256, tarOf } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { configText, type Member, manifestText, opened, tarOfMembers } from './archives.ts';

const json = await tarOf({ '{not json': 'x' });
const base = await tarOf({ 'etc/base': 'base' });
const app = await tarOf({ 'app/hello': 'hello', 'app/large': Buffer.alloc(300_000, 'x') });
const config: Member = [{ name: 'config.json' }, configText([base, app])];
const manifest: Member = [
  { name: 'manifest.json' },
  manifestText({ Layers: ['base/layer.tar', 'app/layer.tar'] }),
];
const layers: readonly Member[] = [
  [{ name: 'base/layer.tar' }, base],
  [{ name: 'app/layer.tar' }, app],
];
const usual: readonly Member[] = [...layers, config, manifest];

/** Cut into pieces that fall anywhere. */
function streamOf(bytes: Buffer, piece = 1000): Readable {
  const count = Math.ceil(bytes.length / piece);
  return Readable.from(Array.from({ length: count }, (_, i) => bytes.subarray(i * piece, (i + 1) * piece)));
}

async function ingest(
  bytes: Buffer,
  options: Partial<IngestOptions> = {},
  sink = createMemoryTarget('sink'),
) {
  const image = await ingestArchive(streamOf(bytes), sink, { compression: 'keep', ...options });
  return { ...image, sink, loaded: await loadImage(image.from, image.descriptor) };
}

/** Whole in another target, and right in every respect. */
async function expectValid({
  from,
  descriptor,
}: {
  from: Parameters<typeof copy>[0];
  descriptor: Descriptor;
}) {
  const whole = createMemoryTarget();
  await copy(from, whole, descriptor);
  expect(await validate(whole, descriptor)).toEqual([]);
}

describe('a docker-archive that streams by', () => {
  test.each<readonly [string, readonly Member[]]>([
    ['as Docker and Nix write it', usual],
    ['with the manifest first', usual.toReversed()],
    [
      'with ./ before its names',
      usual.map(([header, content]) => [{ ...header, name: `./${header.name}` }, content]),
    ],
    [
      'with links to layers',
      [
        [{ name: 'aaa.tar' }, base],
        [{ name: 'base/layer.tar', type: 'symlink', linkname: '../aaa.tar' }],
        [{ name: 'bbb.tar' }, app],
        [{ name: 'app/layer.tar', type: 'link', linkname: 'bbb.tar' }],
        config,
        manifest,
      ],
    ],
    ['with a layer in gzip', [[{ name: 'base/layer.tar' }, gzipSync(base)], ...usual.slice(1)]],
    ['with a layer in zstd', [[{ name: 'base/layer.tar' }, zstdCompressSync(base)], ...usual.slice(1)]],
  ])('%s: the same image as of a file that can be seeked in', async (_what, members) => {
    const bytes = await tarOfMembers(members);
    const file = await opened(bytes);
    const image = await ingest(bytes);
    expect(image.descriptor).toEqual(await findImage(file));
    expect(Buffer.from(image.loaded.configBytes).toString()).toBe(configText([base, app]));
    await expectValid(image);
    for (const packed of [gzipSync(bytes), zstdCompressSync(bytes)]) {
      expect((await ingest(packed)).descriptor).toEqual(image.descriptor);
    }
  });

  test('a layer that looks like JSON at first is one all the same', async () => {
    const members: Member[] = [
      [{ name: 'layer.tar' }, json],
      [{ name: 'config.json' }, configText([json])],
      [{ name: 'manifest.json' }, manifestText({ Layers: ['layer.tar'] })],
    ];
    await expectValid(await ingest(await tarOfMembers(members)));
  });

  test('layers are in the sink before the archive ends', async () => {
    const bytes = await tarOfMembers(usual);
    const stream = new PassThrough();
    const sink = createMemoryTarget('sink');
    const there = Promise.withResolvers<void>();
    const watched: typeof sink = {
      ...sink,
      async put(...parameters) {
        const result = await sink.put(...parameters);
        if (result.descriptor.digest === sha256(base)) there.resolve();
        return result;
      },
    };
    const taking = ingestArchive(stream, watched, { compression: 'keep' });
    stream.write(bytes.subarray(0, bytes.length - 100_000));
    await there.promise;
    stream.end(bytes.subarray(bytes.length - 100_000));
    await taking;
  });

  test.each(['gzip', 'zstd', 'none'] as const)('compressed to %s on the way', async (compression) => {
    const gzipped: Member = [{ name: 'base/layer.tar' }, gzipSync(base)];
    const image = await ingest(await tarOfMembers([gzipped, ...usual.slice(1)]), { compression });
    const type = compression === 'none' ? /\.tar$/ : new RegExp(`\\+${compression}$`);
    for (const { descriptor } of image.loaded.layers) expect(descriptor.mediaType).toMatch(type);
    expect(image.loaded.layers.map(({ diffId }) => diffId)).toEqual([sha256(base), sha256(app)]);
    await expectValid(image);
  });

  test('a layer that was compressed before is not compressed again', async () => {
    const named: Member[] = [base, app].map((tar) => [{ name: `${sha256(tar).slice(7)}/layer.tar` }, tar]);
    const Layers = named.map(([{ name }]) => name);
    const bytes = await tarOfMembers([
      ...named,
      config,
      [{ name: 'manifest.json' }, manifestText({ Layers })],
    ]);
    const memory = new Map<string, Descriptor>();
    const compressed: IngestOptions['compressed'] = {
      get: async (diffId, compression) => memory.get(`${diffId} ${compression}`),
      put: async (diffId, compression, layer) => void memory.set(`${diffId} ${compression}`, layer),
    };
    const first = await ingest(bytes, { compression: 'gzip', compressed });
    expect(memory.size).toBe(2);
    const moved: number[] = [];
    const onBytes = (count: number) => void moved.push(count);
    const again = await ingest(bytes, { compression: 'gzip', compressed, onBytes }, first.sink);
    expect(again.descriptor).toEqual(first.descriptor);
    expect(moved).toEqual([]);
    // A sink that lacks it gets it.
    expect((await ingest(bytes, { compression: 'gzip', compressed })).descriptor).toEqual(first.descriptor);

    // Another layer under that name is found out.
    const lying: Member[] = [[{ name: Layers[0] ?? '' }, app], ...named.slice(1), config];
    const lie = await tarOfMembers([...lying, [{ name: 'manifest.json' }, manifestText({ Layers })]]);
    await expect(ingest(lie, { compression: 'gzip', compressed }, first.sink)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  test.each<readonly [string, readonly Member[], string]>([
    [
      'another layer than the config says',
      [[{ name: 'base/layer.tar' }, app], ...usual.slice(1)],
      'DIGEST_MISMATCH',
    ],
    [
      'another compressed layer',
      [[{ name: 'base/layer.tar' }, gzipSync(app)], ...usual.slice(1)],
      'DIGEST_MISMATCH',
    ],
    [
      'a layer that is damaged gzip',
      [[{ name: 'base/layer.tar' }, gzipSync(base).fill(7, 30)], ...usual.slice(1)],
      'GZIP_INVALID',
    ],
    ['no layer', usual.slice(1), 'ARCHIVE_INVALID'],
    ['no config', [...layers, manifest], 'ARCHIVE_INVALID'],
    ['no manifest', [...layers, config], 'ARCHIVE_INVALID'],
    [
      'layers in a circle of links',
      [[{ name: 'base/layer.tar', type: 'symlink', linkname: '../base/layer.tar' }], ...usual.slice(1)],
      'ARCHIVE_INVALID',
    ],
    [
      'more layers than the config has',
      [...layers, config, [{ name: 'manifest.json' }, manifestText({ Layers: ['base/layer.tar'] })]],
      'ARCHIVE_INVALID',
    ],
    [
      'several images',
      [
        ...layers,
        config,
        [{ name: 'manifest.json' }, manifestText({ Layers: [] }, { Config: 'b', Layers: [] })],
      ],
      'IMAGE_AMBIGUOUS',
    ],
    [
      'a layer in xz',
      [[{ name: 'x.tar' }, Buffer.from('fd377a585a0000', 'hex')], ...usual],
      'ARCHIVE_INVALID',
    ],
  ])('%s is refused', async (_what, members, code) => {
    await expect(ingest(await tarOfMembers(members))).rejects.toMatchObject({ code });
  });

  test('one that is cut short, or no archive, is refused', async () => {
    const bytes = await tarOfMembers(usual);
    await expect(ingest(bytes.subarray(0, 200_000))).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
    await expect(ingest(Buffer.alloc(0))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    await expect(ingest(Buffer.from('no tar at all'.repeat(100)))).rejects.toMatchObject({
      code: 'TAR_HEADER_INVALID',
    });
  });

  test('called off, it ends and so does its source', async () => {
    const bytes = await tarOfMembers(usual);
    const stop = new AbortController();
    const stream = new PassThrough();
    stream.write(bytes.subarray(0, 100_000));
    const taking = ingestArchive(stream, createMemoryTarget('sink'), {
      compression: 'keep',
      signal: stop.signal,
    });
    stop.abort(new Error('enough'));
    stream.end(bytes.subarray(100_000));
    await expect(taking).rejects.toThrow('enough');
    expect(stream.destroyed).toBe(true);
  });
});

describe('an oci-archive that streams by', () => {
  test('is the same image, byte for byte', async () => {
    const source = createMemoryTarget();
    const { descriptor } = await putSmallImage(source);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(source, descriptor, path, { tag: 'v1' });
    const image = await ingest(await readFile(path));
    expect(image.descriptor).toEqual(descriptor);
    await expectValid(image);
  });

  test('an index keeps all its platforms', async () => {
    const source = createMemoryTarget();
    const index = await putSmallIndex(source, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(source, index.descriptor, path);
    const bytes = await readFile(path);
    const image = await ingestArchive(streamOf(bytes), createMemoryTarget('sink'), { compression: 'keep' });
    expect(image.descriptor).toMatchObject(index.descriptor);
    await expectValid(image);
    await expect(ingest(bytes, { compression: 'zstd' })).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  test('a blob that is there already does not move', async () => {
    const source = createMemoryTarget();
    const { descriptor } = await putSmallImage(source);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(source, descriptor, path);
    const bytes = await readFile(path);
    const { sink } = await ingest(bytes);
    const moved: number[] = [];
    await ingest(bytes, { onBytes: (count) => void moved.push(count) }, sink);
    expect(moved).toEqual([]);
  });

  test('compressed anew, what its layers hold is checked', async () => {
    const source = createMemoryTarget();
    const { descriptor, diffIds } = await putSmallImage(source, { compression: 'gzip' });
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(source, descriptor, path);
    const image = await ingest(await readFile(path), { compression: 'zstd' });
    expect(image.loaded.layers.map(({ diffId }) => diffId)).toEqual(diffIds);
    for (const layer of image.loaded.layers) expect(layer.descriptor.mediaType).toMatch(/zstd$/);
    await expectValid(image);
  });

  test('what Docker 25 saves beside its own is used when it is about the same layers', async () => {
    const source = createMemoryTarget();
    const { descriptor } = await putSmallImage(source, { compression: 'tar' });
    const path = join(await temporaryFolder(), 'image.tar');
    await writeDockerArchive(source, descriptor, path, { repoTags: ['app:v1'] });
    const bytes = await readFile(path);
    const file = await opened(bytes);
    expect((await ingest(bytes)).descriptor).toEqual(await findImage(file));
  });
});
