import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { findImage } from '../../../src/oci/listing.ts';
import { type LayoutTarget, openLayout } from '../../../src/oci/stores/layout.ts';
import { putSmallImage, putSmallIndex } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';

async function newLayout(): Promise<LayoutTarget> {
  return await openLayout(join(await temporaryFolder(), 'layout'), { create: true });
}

async function readIndex(layout: LayoutTarget) {
  return JSON.parse(await readFile(join(layout.directory, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
}

async function putTagged(layout: LayoutTarget, tag: string, marker = tag) {
  const image = await putSmallImage(layout, { config: { author: marker } });
  await layout.tag(image.descriptor, tag);
  return image.descriptor;
}

describe('openLayout', () => {
  it('makes a layout that other tools understand', async () => {
    const layout = await newLayout();
    expect(await readFile(join(layout.directory, 'oci-layout'), 'utf8')).toBe(
      '{"imageLayoutVersion":"1.0.0"}',
    );
    expect(await readIndex(layout)).toMatchObject({ schemaVersion: 2, manifests: [] });
    await expect(findImage(layout)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it.each([
    ['nothing there', {}, undefined],
    ['another version', { 'oci-layout': '{"imageLayoutVersion":"2.0.0"}', 'index.json': '{}' }, '"2.0.0"'],
    ['no JSON', { 'oci-layout': 'x', 'index.json': '{}' }, 'not JSON'],
    ['no version', { 'oci-layout': 'null', 'index.json': '{}' }, 'undefined'],
    ['no index.json', { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }, 'index.json'],
    [
      'an index.json that is none',
      { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}', 'index.json': '{"schemaVersion":2}' },
      'manifests',
    ],
  ])('refuses a folder with %s', async (_what, files, message) => {
    const folder = await temporaryFolder();
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await expect(openLayout(folder)).rejects.toMatchObject({
      code: 'LAYOUT_INVALID',
      message: expect.stringContaining(message ?? 'oci-layout'),
    });
  });

  it('makes no layout in a folder that holds other things', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'package.json'), '{}');
    await expect(openLayout(folder, { create: true })).rejects.toMatchObject({ code: 'LAYOUT_INVALID' });
    expect(await readdir(folder)).toEqual(['package.json']);
  });

  it('finishes a layout whose making was interrupted', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'blobs'));
    await writeFile(join(folder, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    await openLayout(folder, { create: true });
    await openLayout(folder);
  });

  it.each(['a file', 'a link to nowhere'])('says so when %s has its name', async (what) => {
    const path = join(await temporaryFolder(), 'layout');
    await (what === 'a file' ? writeFile(path, '') : symlink('/nonexistent/folder', path));
    await expect(openLayout(path, { create: true })).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
  });

  it('says so when the folder cannot be written to', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    await expect(openLayout(join(folder, 'file', 'x'), { create: true })).rejects.toMatchObject({
      code: 'STORE_UNWRITABLE',
    });
  });

  it('is readable by others under any umask, and writable by its owner', async () => {
    const folder = await temporaryFolder();
    const script = `
      process.umask(Number(process.argv[2]));
      const { openLayout } = await import(process.argv[3] + '/src/oci/stores/layout.ts');
      const { putSmallImage } = await import(process.argv[3] + '/test/helpers/small-image.ts');
      const layout = await openLayout(process.argv[1], { create: true });
      const image = await putSmallImage(layout);
      await layout.tag(image.descriptor, 'x');
      console.log(image.descriptor.digest.slice(7));`;
    const root = join(import.meta.dirname, '../../..');
    for (const [umask, folderMode] of [
      [0o000, 0o755],
      [0o022, 0o755],
      [0o077, 0o700],
      [0o777, 0o700],
    ] as const) {
      const layout = join(folder, `umask-${umask}`);
      const args = ['--input-type=module', '-e', script, layout, String(umask), root];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const blob = join(layout, 'blobs/sha256', stdout.trim());
      for (const file of [blob, join(layout, 'index.json'), join(layout, 'oci-layout')]) {
        expect((await stat(file)).mode & 0o777, file).toBe(0o644);
      }
      for (const path of [layout, join(layout, 'blobs'), join(layout, 'blobs/sha256')]) {
        expect((await stat(path)).mode & 0o777, path).toBe(folderMode);
      }
    }
  });
});

describe('the index.json of a layout', () => {
  it('moves the name when a tag is used again, and keeps the bytes', async () => {
    const layout = await newLayout();
    const first = await putTagged(layout, 'v1', 'first');
    const second = await putTagged(layout, 'v1', 'second');
    expect((await readIndex(layout)).manifests.map((entry) => entry.digest)).toEqual([second.digest]);
    expect(await layout.resolve(first.digest)).toEqual(first);
    expect(await findImage(layout)).toEqual(second);
  });

  it('keeps what others wrote', async () => {
    const layout = await newLayout();
    const mine = await putTagged(layout, 'mine');
    const index = await readIndex(layout);
    const foreign = [
      { mediaType: 'application/vnd.oci.image.index.v1+json', digest: `sha256:${'1'.repeat(64)}`, size: 3 },
      {
        mediaType: 'x/y',
        digest: `sha256:${'2'.repeat(64)}`,
        size: 4,
        annotations: { a: 'b' },
        extra: { z: [1] },
      },
      {
        mediaType: 'x/z',
        digest: `sha256:${'3'.repeat(64)}`,
        size: 5,
        annotations: { [REF_NAME]: 'mine-too', note: 'kept' },
      },
    ];
    const others = {
      ...index,
      manifests: [...foreign, ...index.manifests],
      annotations: { c: 'd' },
      vendor: true,
    };
    await writeFile(join(layout.directory, 'index.json'), JSON.stringify(others));
    await putTagged(layout, 'mine-too');
    const after = await readIndex(layout);
    expect(after).toMatchObject({ annotations: { c: 'd' }, vendor: true });
    expect(after.manifests.slice(0, 2)).toEqual(foreign.slice(0, 2));
    expect(after.manifests[2]).toEqual({ ...foreign[2], annotations: { note: 'kept' } });
    expect(await layout.resolve('mine')).toEqual(mine);
  });

  it('gives one image several names', async () => {
    const layout = await newLayout();
    const image = await putTagged(layout, 'a');
    await layout.tag(image, 'b');
    await layout.tag(image, 'b');
    const names = (await readIndex(layout)).manifests.map((entry) => entry.annotations?.[REF_NAME]);
    expect(names).toEqual(['a', 'b']);
    expect(await findImage(layout)).toEqual(image);
  });

  it('names an image that was listed without a name', async () => {
    const layout = await newLayout();
    const { descriptor } = await putSmallImage(layout);
    await layout.addRoot?.(descriptor);
    await layout.addRoot?.(descriptor);
    expect(await findImage(layout)).toEqual(descriptor);
    await layout.tag(descriptor, 'v1');
    expect((await readIndex(layout)).manifests).toHaveLength(1);
  });

  it('says which names there are', async () => {
    const layout = await newLayout();
    await putTagged(layout, 'v1');
    await putTagged(layout, 'v2');
    await expect(findImage(layout)).rejects.toMatchObject({
      code: 'IMAGE_AMBIGUOUS',
      message: expect.stringContaining('v1, v2'),
    });
    await expect(findImage(layout, 'v3')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('v1, v2'),
    });
  });

  it('finds a manifest inside an index by its digest, and no layer', async () => {
    const layout = await newLayout();
    const { descriptor, images } = await putSmallIndex(layout, [{ os: 'linux', architecture: 'amd64' }]);
    await layout.addRoot?.(descriptor);
    const [image] = images;
    expect(await layout.resolve(image?.descriptor.digest ?? '')).toEqual(image?.descriptor);
    expect(await layout.resolve(image?.layers[0]?.digest ?? '')).toBeUndefined();
    expect(await layout.resolve(image?.config.digest ?? '')).toBeUndefined();
  });

  it('refuses a name that means two images', async () => {
    const layout = await newLayout();
    await putTagged(layout, 'a');
    await putTagged(layout, 'b');
    const index = JSON.stringify(await readIndex(layout)).replaceAll('"b"', '"a"');
    await writeFile(join(layout.directory, 'index.json'), index);
    await expect(layout.resolve('a')).rejects.toMatchObject({ code: 'IMAGE_AMBIGUOUS' });
  });
});

describe('the blobs of a layout', () => {
  it('puts a damaged blob right', async () => {
    const layout = await newLayout();
    const { layers } = await putSmallImage(layout);
    const [layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    const path = join(layout.directory, 'blobs/sha256', layer.digest.slice(7));
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, 10));
    expect(await layout.has(layer)).toBe(false);
    expect((await layout.put(bytesContent(bytes), layer)).outcome).toBe('sent');
    expect(await layout.has(layer)).toBe(true);
  });

  it('notices bytes that changed under their name', async () => {
    const layout = await newLayout();
    const { layers } = await putSmallImage(layout);
    const [layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    await writeFile(join(layout.directory, 'blobs/sha256', layer.digest.slice(7)), Buffer.alloc(layer.size));
    const reading = (await layout.open(layer)).toArray();
    await expect(reading).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it.each(['oci-layout', 'index.json'])('refuses a FIFO or a giant as %s', async (name) => {
    const { directory } = await newLayout();
    const path = join(directory, name);
    await rm(path);
    await promisify(execFile)('mkfifo', [path]);
    await expect(openLayout(directory)).rejects.toMatchObject({ code: 'LAYOUT_INVALID' });
    await rm(path);
    await promisify(execFile)('truncate', ['--size', '3G', path]);
    await expect(openLayout(directory)).rejects.toMatchObject({ code: 'LAYOUT_INVALID' });
  });

  it.runIf(existsSync('/proc/self'))('is not made where no folder can be', async () => {
    const making = openLayout('/proc/dogwood/layout', { create: true });
    await expect(making).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
  });

  it('does not wait for what is no file', async () => {
    const layout = await newLayout();
    const digest = `sha256:${'4'.repeat(64)}` as Parameters<typeof layout.has>[0]['digest'];
    const descriptor = { mediaType: 'x/y', digest, size: 1 };
    const path = join(layout.directory, 'blobs/sha256', '4'.repeat(64));
    await promisify(execFile)('mkfifo', [path]);
    expect(await layout.has(descriptor)).toBe(false);
    await expect(layout.open(descriptor)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('reads blobs that are linked from elsewhere', async () => {
    const [one, other] = [await newLayout(), await newLayout()];
    const { descriptor } = await putSmallImage(one);
    const name = join('blobs/sha256', descriptor.digest.slice(7));
    await symlink(join(one.directory, name), join(other.directory, name));
    expect(await other.has(descriptor)).toBe(true);
  });

  it('never touches what a stranger put in the place of its lock', async () => {
    const layout = await newLayout();
    const { descriptor } = await putSmallImage(layout);
    const database = join(await temporaryFolder(), 'somebodys.sqlite');
    await writeFile(database, 'a database');
    for (const name of ['.dogwood-index.lock', '.dogwood-0123456789abcdef.lock']) {
      await rm(join(layout.directory, name), { force: true });
      await symlink(database, join(layout.directory, name));
    }
    await expect(layout.tag(descriptor, 'x')).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    await putSmallImage(await openLayout(layout.directory), { config: { author: 'sweeps' } });
    expect(await readFile(database, 'utf8')).toBe('a database');
  });

  it('leaves nothing of a stream that broke', async () => {
    const layout = await newLayout();
    const before = await readdir(layout.directory, { recursive: true });
    const content = {
      reopenable: false,
      open: async () =>
        new Readable({
          read() {
            this.push(Buffer.alloc(100_000));
            this.destroy(new Error('broken'));
          },
        }),
    };
    await expect(layout.put(content, { mediaType: 'x/y' })).rejects.toThrow('broken');
    expect(await readdir(layout.directory, { recursive: true })).toEqual(before);
  });
});
