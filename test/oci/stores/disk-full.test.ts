import { execFileSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeDockerArchive } from '../../../src/oci/archives/docker-archive.ts';
import { writeOciArchive } from '../../../src/oci/archives/oci-archive.ts';
import { copy } from '../../../src/oci/copy.ts';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { spool } from '../../../src/oci/stores/spool.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { validate } from '../../../src/oci/validate.ts';
import { describeWith } from '../../helpers/engines.ts';
import { putSmallImage, tarOf } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

describeWith(['tmpfs'], 'on a disk that is full', ({ tmpfs }) => {
  let disk: string;
  beforeEach(async () => {
    disk = join(await temporaryFolder(), 'disk');
    await mkdir(disk);
    execFileSync(tmpfs, ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  });
  afterEach(() => {
    execFileSync('umount', ['--lazy', disk]);
  });

  const large = async () => {
    const memory = createMemoryTarget();
    const layers = [await tarOf({ small: 'x' }), await tarOf({ large: Buffer.alloc(3_000_000, 'x') })];
    const image = await putSmallImage(memory, { layers, compression: 'tar' });
    return { memory, descriptor: image.descriptor };
  };

  it.each([
    ['a layout', (path: string) => openLayout(path, { create: true })],
    ['the local store', (path: string) => openLocalStore(path)],
  ])('%s says so, and what was there stays good', async (_what, open) => {
    const target = await open(join(disk, 'store'));
    const first = await putSmallImage(target);
    await target.tag(first.descriptor, 'first');
    const { memory, descriptor } = await large();
    await expect(copy(memory, target, descriptor, { tag: 'second' })).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await target.resolve('second')).toBeUndefined();
    expect(await target.resolve('first')).toEqual(first.descriptor);
    expect(await validate(target, first.descriptor)).toEqual([]);
    const files = await readdir(disk, { recursive: true });
    expect(files.filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it('archives leave nothing half-written', async () => {
    const { memory, descriptor } = await large();
    const path = join(disk, 'image.tar');
    for (const write of [
      () => writeOciArchive(memory, descriptor, path),
      () => writeDockerArchive(memory, descriptor, path, { repoTags: ['app'] }),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await readdir(disk)).toEqual([]);
    }
  });

  it('a spool leaves nothing behind', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(100_000);
      })(),
      { objectMode: false },
    );
    const kept = await spool(endless, createTempFiles(disk));
    await expect(kept.whole()).rejects.toMatchObject({ code: 'DISK_FULL' });
    await kept.dispose();
    expect(await readdir(disk)).toEqual([]);
  });
});
