import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ListingTarget } from '../../../src/oci/listing.ts';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { validate } from '../../../src/oci/validate.ts';
import { runModule } from '../../helpers/child.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const WRITER = fileURLToPath(new URL('./write-images.ts', import.meta.url));
const ROUNDS = 10;
/** Rounds of one process: as far as it gets until it is killed. */
const MAX_DELAY = 120;

const STORES = {
  layout: { open: (folder: string) => openLayout(folder), temp: '' },
  local: { open: (folder: string) => openLocalStore(folder), temp: 'tmp' },
} as const;

async function leftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.startsWith('.dogwood-') && name !== '.dogwood-index.lock');
}

/** Every image printed as finished is there, and what is there is whole. */
async function expectAll(target: ListingTarget, finished: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, digest] of finished) {
    expect((await target.resolve(name))?.digest, name).toBe(digest);
  }
  for (const { descriptor, name } of await target.list()) {
    expect(await validate(target, descriptor), name).toEqual([]);
  }
}

describe.each(Object.entries(STORES))('%s', (kind, { open, temp }) => {
  it('loses nothing and leaves nothing when a writer is killed at any moment', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const finished = new Map<string, string>();
    for (let round = 0; round < ROUNDS; round++) {
      const child = runModule(WRITER, [kind, folder, `round${round}`]);
      let timer: NodeJS.Timeout | undefined;
      for await (const line of child.lines()) {
        const [name = '', digest = ''] = line.split(' ');
        finished.set(name, digest);
        // The moment is at random, counted from when it is at work.
        timer ??= setTimeout(() => child.process.kill('SIGKILL'), Math.random() * MAX_DELAY);
      }
      clearTimeout(timer);
      expect(await child.ended).toBe('SIGKILL');
    }
    expect(finished.size).toBeGreaterThanOrEqual(ROUNDS);
    const target = await open(folder);
    await expectAll(target, finished);
    // The next one that writes clears up.
    await putSmallImage(target);
    expect(await leftovers(join(folder, temp))).toEqual([]);
  });

  it('takes what several processes write at once', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const children = ['a', 'b', 'c', 'd'].map((prefix) => runModule(WRITER, [kind, folder, prefix, '20']));
    const finished = new Map<string, string>();
    await Promise.all(
      children.map(async (child) => {
        for await (const line of child.lines()) {
          const [name = '', digest = ''] = line.split(' ');
          finished.set(name, digest);
        }
        expect(await child.ended).toBe(0);
      }),
    );
    expect(finished.size).toBe(80);
    const target = await open(folder);
    await expectAll(target, finished);
    expect((await target.list()).map((image) => image.name).sort()).toEqual([...finished.keys()].sort());
    expect(await leftovers(join(folder, temp))).toEqual([]);
  });
});

describe('a live writer', () => {
  it('keeps its temporary files when others open the store', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const child = runModule(WRITER, ['layout', folder, 'live', '30']);
    const finished = new Map<string, string>();
    for await (const line of child.lines()) {
      const [name = '', digest = ''] = line.split(' ');
      finished.set(name, digest);
      // Each of these sweeps the folder.
      await putSmallImage(await openLayout(folder));
    }
    expect(await child.ended).toBe(0);
    await expectAll(await openLayout(folder), finished);
    expect(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')).manifests).toHaveLength(30);
  });
});
