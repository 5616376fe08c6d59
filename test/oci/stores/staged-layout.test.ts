import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findImage } from '../../../src/oci/listing.ts';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openStagedLayout } from '../../../src/oci/stores/staged-layout.ts';
import { validate } from '../../../src/oci/validate.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

describe('a staged layout', () => {
  it('shows nothing before the image is named, and then a whole layout', async () => {
    const path = join(await temporaryFolder(), 'a/b');
    const staged = await openStagedLayout(path);
    const { descriptor } = await putSmallImage(staged);
    expect(readdirSync(path).filter((name) => !name.startsWith('.dogwood-'))).toEqual([]);
    await staged.tag(descriptor, 'v1');
    const layout = await openLayout(path);
    expect(await layout.resolve('v1')).toEqual(descriptor);
    expect(await validate(layout, descriptor)).toEqual([]);
    expect(await validate(staged, descriptor)).toEqual([]);
    await staged.discard();
    expect(await findImage(await openLayout(path))).toEqual(descriptor);
    expect(readdirSync(path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('discarded leaves no folder that was made for it', async () => {
    const folder = await temporaryFolder();
    const staged = await openStagedLayout(join(folder, 'a/b'));
    await putSmallImage(staged);
    await staged.discard();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('discarded leaves an empty folder, and a layout with what it held', async () => {
    const folder = await temporaryFolder();
    const [empty, full] = [join(folder, 'empty'), join(folder, 'full')];
    await mkdir(empty);
    const before = await openLayout(full, { create: true });
    const { descriptor } = await putSmallImage(before);
    await before.tag(descriptor, 'v1');
    const held = readdirSync(full, { recursive: true });
    for (const path of [empty, full]) {
      const staged = await openStagedLayout(path);
      await putSmallImage(staged, { config: { author: 'another' } });
      await staged.discard();
    }
    expect(readdirSync(empty)).toEqual([]);
    expect(readdirSync(full, { recursive: true })).toEqual(held);
  });

  it('leaves what another process put into the new folder meanwhile', async () => {
    const path = join(await temporaryFolder(), 'layout');
    const [staged, other] = [await openStagedLayout(path), await openStagedLayout(path)];
    const { descriptor } = await putSmallImage(other);
    await putSmallImage(staged, { config: { author: 'another' } });
    await other.tag(descriptor, 'v1');
    await staged.discard();
    const layout = await openLayout(path);
    expect(await validate(layout, await findImage(layout, 'v1'))).toEqual([]);
  });

  it('is not made in a folder that holds other things', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'package.json'), '{}');
    await expect(openStagedLayout(folder)).rejects.toMatchObject({ code: 'LAYOUT_INVALID' });
    expect(readdirSync(folder)).toEqual(['package.json']);
    expect(existsSync(join(folder, 'blobs'))).toBe(false);
  });
});
