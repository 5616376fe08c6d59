/** What we write is read by the tools that people have, and what they write is read by us. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { openDockerArchive, writeDockerArchive } from '../../src/oci/archives/docker-archive.ts';
import { openOciArchive, writeOciArchive } from '../../src/oci/archives/oci-archive.ts';
import { copy } from '../../src/oci/copy.ts';
import { findImage } from '../../src/oci/listing.ts';
import { loadImage } from '../../src/oci/load.ts';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import { createTempFiles } from '../../src/oci/stores/temp-files.ts';
import { validate } from '../../src/oci/validate.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith } from '../helpers/engines.ts';
import { putSmallImage, putSmallIndex, type SmallImage, tarOf } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const NAME = 'dogwood-readers/app:v1';

interface Written {
  readonly folder: string;
  readonly image: SmallImage;
  readonly layout: string;
  readonly ociArchive: string;
  readonly dockerArchive: string;
}

/** One image in every form that we write. */
async function writeAll(compression: 'tar' | 'gzip' | 'zstd'): Promise<Written> {
  const folder = await temporaryFolder();
  const memory = createMemoryTarget();
  const layers = [
    await tarOf({ 'etc/base': 'base\n' }),
    await tarOf({ 'app/hello': 'hello\n', 'app/large': Buffer.alloc(2_000_000, 'dogwood ') }),
  ];
  const image = await putSmallImage(memory, { compression, layers });
  const [layout, ociArchive, dockerArchive] = ['layout', 'oci.tar', 'docker.tar'].map((name) =>
    join(folder, name),
  );
  if (!layout || !ociArchive || !dockerArchive) throw new Error('three names');
  await copy(memory, await openLayout(layout, { create: true }), image.descriptor, { tag: 'v1' });
  await writeOciArchive(memory, image.descriptor, ociArchive, { tag: 'v1' });
  await writeDockerArchive(memory, image.descriptor, dockerArchive, { repoTags: [NAME] });
  return { folder, image, layout, ociArchive, dockerArchive };
}

/** Runs a program with a home of its own: skopeo keeps a blob cache there that changes what it copies. */
function run(folder: string, program: string, ...args: readonly string[]): string {
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder };
  return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describeWith(['skopeo'], 'skopeo', ({ skopeo }) => {
  it.each(['tar', 'gzip', 'zstd'] as const)('copies what we write with %s layers', async (compression) => {
    const { folder, image, layout, ociArchive, dockerArchive } = await writeAll(compression);
    const sources = [
      `oci:${layout}:v1`,
      `oci-archive:${ociArchive}:v1`,
      `docker-archive:${dockerArchive}:${NAME}`,
    ];
    for (const [i, source] of sources.entries()) {
      const to = join(folder, `copy${i}`);
      run(folder, skopeo, '--insecure-policy', 'copy', source, `dir:${to}`);
      const manifest = JSON.parse(await readFile(join(to, 'manifest.json'), 'utf8'));
      expect(manifest.layers).toHaveLength(2);
      expect(manifest.config.digest).toBe(image.config.digest);
    }
  });

  it('finds the docker-archive to be an oci-archive as well', async () => {
    const { folder, image, dockerArchive } = await writeAll('gzip');
    const raw = run(folder, skopeo, 'inspect', '--raw', `oci-archive:${dockerArchive}`);
    expect(JSON.parse(raw).config.digest).toBe(image.config.digest);
  });

  it('reads a layout that holds several images and platforms', async () => {
    const folder = await temporaryFolder();
    const layout = await openLayout(join(folder, 'layout'), { create: true });
    const index = await putSmallIndex(layout, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    await layout.tag(index.descriptor, 'all');
    await layout.tag((await putSmallImage(layout, { config: { author: 'x' } })).descriptor, 'one');
    run(
      folder,
      skopeo,
      '--insecure-policy',
      'copy',
      '--all',
      `oci:${layout.directory}:all`,
      `oci:${folder}/copy:all`,
    );
    const copied = await openLayout(join(folder, 'copy'));
    expect((await copied.resolve('all'))?.digest).toBe(index.descriptor.digest);
    run(folder, skopeo, 'inspect', `oci:${layout.directory}:one`);
  });

  it.each([
    ['docker-archive', openDockerArchive, 'v1.tar:a/b:v1', 'a/b:v1'],
    ['oci-archive', openOciArchive, 'v1.tar:v1', 'v1'],
  ] as const)('writes a %s that we read with the same diffIDs', async (transport, open, to, name) => {
    const { folder, image, layout } = await writeAll('gzip');
    run(folder, skopeo, '--insecure-policy', 'copy', `oci:${layout}:v1`, `${transport}:${folder}/${to}`);
    const path = join(folder, 'v1.tar');
    const bytes = await readFile(path);
    for (const [suffix, compress] of [
      ['', undefined],
      ['.gz', gzipSync],
      ['.zst', zstdCompressSync],
    ] as const) {
      const file = `${path}${suffix}`;
      if (compress !== undefined) await writeFile(file, compress(bytes));
      await using archive = await open(file, { temp: createTempFiles(folder) });
      for (const reference of [undefined, name]) {
        const found = await loadImage(archive, await findImage(archive, reference));
        expect(found.layers.map((layer) => layer.diffId)).toEqual(image.diffIds);
        expect(found.manifest.config.digest).toBe(image.config.digest);
        expect(await validate(archive, found.descriptor)).toEqual([]);
      }
    }
  });

  it('writes into a layout of ours, and we into one of its', async () => {
    const { folder, layout, image } = await writeAll('gzip');
    run(folder, skopeo, '--insecure-policy', 'copy', `oci:${layout}:v1`, `oci:${layout}:v2`);
    run(folder, skopeo, '--insecure-policy', 'copy', `oci:${layout}:v1`, `oci:${folder}/its:v1`);
    const its = await openLayout(join(folder, 'its'));
    const mine = await openLayout(layout);
    expect((await mine.resolve('v2'))?.digest).toBe(image.descriptor.digest);
    const added = await putSmallImage(its, { config: { author: 'x' } });
    await its.tag(added.descriptor, 'mine');
    run(folder, skopeo, 'inspect', `oci:${folder}/its:v1`);
    run(folder, skopeo, 'inspect', `oci:${folder}/its:mine`);
  });
});

describeWith(['umoci'], 'umoci', ({ umoci }) => {
  it.each(['tar', 'gzip'] as const)('unpacks a layout with %s layers', async (compression) => {
    const { folder, layout } = await writeAll(compression);
    run(folder, umoci, 'unpack', '--rootless', '--image', `${layout}:v1`, join(folder, 'bundle'));
    expect(await readFile(join(folder, 'bundle/rootfs/app/hello'), 'utf8')).toBe('hello\n');
    expect(run(folder, umoci, 'ls', '--layout', layout)).toBe('v1\n');
  });

  it('writes layouts that we read and go on with', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'layout');
    run(folder, umoci, 'init', '--layout', path);
    run(folder, umoci, 'new', '--image', `${path}:made`);
    const layout = await openLayout(path);
    const made = await findImage(layout, 'made');
    expect(await validate(layout, made)).toEqual([]);
    const mine = await putSmallImage(layout);
    await layout.tag(mine.descriptor, 'mine');
    expect(run(folder, umoci, 'ls', '--layout', path).split('\n').filter(Boolean).sort()).toEqual([
      'made',
      'mine',
    ]);
    // Its garbage collection must find everything reachable, and nothing of ours in the way.
    run(folder, umoci, 'gc', '--layout', path);
    expect(await validate(await openLayout(path), mine.descriptor)).toEqual([]);
  });
});

describeWith(['crane'], 'crane', ({ crane }) => {
  it.each(['tar', 'gzip', 'zstd'] as const)(
    'validates a docker-archive made of %s layers',
    async (compression) => {
      const { folder, dockerArchive } = await writeAll(compression);
      expect(run(folder, crane, 'validate', '--tarball', dockerArchive)).toContain('PASS');
    },
  );
});

describeWith(['docker'], 'Docker', () => {
  let engine: Docker;
  beforeAll(async () => {
    engine = await dockerEngine();
  });

  it.each(['tar', 'gzip', 'zstd'] as const)(
    'loads a docker-archive made of %s layers',
    async (compression) => {
      const { image, dockerArchive } = await writeAll(compression);
      await engine.docker('load', '--input', dockerArchive);
      const inspected = JSON.parse(await engine.docker('image', 'inspect', NAME));
      expect(inspected[0].Id).toBe(image.config.digest);
      expect(inspected[0].RootFS.Layers).toEqual(image.diffIds);
      await engine.docker('image', 'rm', NAME);
    },
  );

  it('saves what we read with the same id and diffIDs', async () => {
    const { folder, image, dockerArchive } = await writeAll('gzip');
    await engine.docker('load', '--input', dockerArchive);
    const saved = join(folder, 'saved.tar');
    await engine.docker('save', '--output', saved, NAME);
    await engine.docker('image', 'rm', NAME);
    await using archive = await openDockerArchive(saved, { temp: createTempFiles(folder) });
    const found = await loadImage(archive, await findImage(archive, NAME));
    expect(found.manifest.config.digest).toBe(image.config.digest);
    expect(found.layers.map((layer) => layer.diffId)).toEqual(image.diffIds);
    expect(await validate(archive, found.descriptor)).toEqual([]);
  });
});

describeWith(['podman'], 'podman', ({ podman }) => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, 'run'));
  });
  const storage = (): string[] => [
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--storage-driver',
    'vfs',
  ];

  it.each([
    ['docker-archive', 'gzip'],
    ['oci-archive', 'gzip'],
    ['oci-archive', 'zstd'],
  ] as const)('loads an %s with %s layers', async (kind, compression) => {
    const written = await writeAll(compression);
    const path = kind === 'docker-archive' ? written.dockerArchive : written.ociArchive;
    run(folder, podman, ...storage(), 'load', '--input', path);
    const ids = run(folder, podman, ...storage(), 'images', '--no-trunc', '--quiet');
    expect(ids.trim()).toBe(written.image.config.digest);
  });
});
