import { execFileSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openOciArchive, writeOciArchive } from '../../../src/oci/archives/oci-archive.ts';
import { copy } from '../../../src/oci/copy.ts';
import { findImage } from '../../../src/oci/listing.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { validate } from '../../../src/oci/validate.ts';
import { describeBytes, putSmallImage, putSmallIndex, TYPES } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { type Member, opened, tarOfMembers } from './archives.ts';

const LAYOUT: Member = [{ name: 'oci-layout' }, '{"imageLayoutVersion":"1.0.0"}'];
const INDEX: Member = [{ name: 'index.json' }, '{"schemaVersion":2,"manifests":[]}'];

/** Lets everything go on that can. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('an oci-archive', () => {
  it('carries an index whole, there and back', async () => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallIndex(memory, [{ os: 'linux', architecture: 'amd64' }]);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(memory, descriptor, path, { tag: 'v1' });
    const archive = await opened(await readFile(path), openOciArchive);
    expect(await findImage(archive)).toEqual(descriptor);
    expect(await findImage(archive, 'v1')).toEqual(descriptor);
    expect(await archive.resolve('v2')).toBeUndefined();
    expect(await validate(archive, descriptor)).toEqual([]);
    const again = createMemoryTarget();
    await copy(archive, again, descriptor);
    expect(await validate(again, descriptor)).toEqual([]);
  });

  it('finds a manifest inside an index by its digest', async () => {
    const memory = createMemoryTarget();
    const { descriptor, images } = await putSmallIndex(memory, [{ os: 'linux', architecture: 'amd64' }]);
    const path = join(await temporaryFolder(), 'image.tar');
    await writeOciArchive(memory, descriptor, path);
    const archive = await opened(await readFile(path), openOciArchive);
    expect(await archive.resolve(images[0]?.descriptor.digest ?? '')).toEqual(images[0]?.descriptor);
  });

  it('has the same bytes as a file and as a stream', async () => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallImage(memory);
    const folder = await temporaryFolder();
    await writeOciArchive(memory, descriptor, join(folder, 'a'));
    await writeOciArchive(memory, descriptor, createWriteStream(join(folder, 'b')));
    expect(Buffer.compare(await readFile(join(folder, 'a')), await readFile(join(folder, 'b')))).toBe(0);
    expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
  });

  it('is written through a link, and takes the place of no device', async () => {
    const memory = createMemoryTarget();
    const { descriptor } = await putSmallImage(memory);
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'old.tar'), 'old');
    await symlink('old.tar', join(folder, 'link.tar'));
    await writeOciArchive(memory, descriptor, join(folder, 'link.tar'));
    expect((await lstat(join(folder, 'link.tar'))).isSymbolicLink()).toBe(true);
    expect(
      await validate(
        await openOciArchive(join(folder, 'old.tar'), { temp: createTempFiles(folder) }),
        descriptor,
      ),
    ).toEqual([]);

    execFileSync('mkfifo', [join(folder, 'fifo')]);
    await expect(
      openOciArchive(join(folder, 'fifo'), { temp: createTempFiles(folder) }),
    ).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
    await symlink('nowhere', join(folder, 'dangling'));
    for (const name of ['fifo', 'dangling', '.']) {
      const before = await lstat(join(folder, name));
      await expect(writeOciArchive(memory, descriptor, join(folder, name))).rejects.toMatchObject({
        code: 'STORE_UNWRITABLE',
      });
      expect((await lstat(join(folder, name))).ino).toBe(before.ino);
    }
  });

  it('is not written from an image that is incomplete or damaged', async () => {
    const full = createMemoryTarget();
    const image = await putSmallImage(full);
    const folder = await temporaryFolder();
    const [layer] = image.layers;
    const lacking = {
      ...full,
      open: (wanted: typeof image.descriptor, options = {}) =>
        wanted.digest === layer?.digest
          ? full.open({ ...wanted, size: wanted.size + 1 }, options)
          : full.open(wanted, options),
    };
    for (const out of [join(folder, 'a'), createWriteStream(join(folder, 'b'))]) {
      await expect(writeOciArchive(lacking, image.descriptor, out)).rejects.toMatchObject({
        code: 'SIZE_MISMATCH',
      });
    }
    expect(await readdir(folder)).not.toContain('a');
  });

  it('says why when the stream it goes to breaks while a write waits for it', async () => {
    const memory = createMemoryTarget();
    const layers = [2, 3, 4].map((size) => Buffer.alloc(size << 20));
    const { descriptor } = await putSmallImage(memory, { layers, compression: 'tar' });
    const out = new Writable({
      // Never takes its first chunk; what follows has piled up in front of it when it breaks.
      write() {
        turns(50).then(() => this.destroy(new Error('gone')));
      },
    });
    await expect(writeOciArchive(memory, descriptor, out)).rejects.toThrow('gone');
  });

  it.each([
    ['no oci-layout', [INDEX], 'ARCHIVE_INVALID'],
    ['no index.json', [LAYOUT], 'ARCHIVE_INVALID'],
    ['another version', [[{ name: 'oci-layout' }, '{"imageLayoutVersion":"9"}'], INDEX], 'LAYOUT_INVALID'],
    ['two index.json', [LAYOUT, INDEX, INDEX], 'ARCHIVE_INVALID'],
    ['an index.json that is none', [LAYOUT, [{ name: 'index.json' }, '{}']], 'MANIFEST_INVALID'],
  ] as [string, Member[], string][])('is refused with %s', async (_what, members, code) => {
    await expect(opened(await tarOfMembers(members), openOciArchive)).rejects.toMatchObject({ code });
  });

  it('says when a blob is not in it', async () => {
    const archive = await opened(await tarOfMembers([LAYOUT, INDEX]), openOciArchive);
    const descriptor = describeBytes('x', TYPES.manifest);
    expect(await archive.has(descriptor)).toBe(false);
    await expect(archive.open(descriptor)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });
});
