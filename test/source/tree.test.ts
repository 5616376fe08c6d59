import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTree } from '../../src/source/tree.ts';
import type { WalkEntry } from '../../src/source/walk.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { writeFiles } from './archives.ts';

async function example() {
  const [folder, outside] = [await temporaryFolder(), await temporaryFolder()];
  await writeFile(join(outside, 'secret'), 'hunter2');
  await writeFiles(folder, { 'a.txt': 'a', 'src/main.ts': 'main', 'src/run': '' });
  await chmod(join(folder, 'src/run'), 0o755);
  await symlink(join(outside, 'secret'), join(folder, 'out'));
  await symlink(outside, join(folder, 'out-folder'));
  await symlink('src/main.ts', join(folder, 'in'));
  await symlink('nowhere', join(folder, 'dangling'));
  await symlink('loop', join(folder, 'loop'));
  return { tree: await openTree(folder, 'example'), folder };
}

describe('a tree', () => {
  it('says what lies in it, links that stay inside as what they lead to', async () => {
    const { tree } = await example();
    expect((await tree.list('')).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'file a.txt',
      'link dangling',
      'file in',
      'link loop',
      'link out',
      'link out-folder',
      'folder src',
    ]);
    expect(await tree.stat('src/run')).toMatchObject({ executable: true, size: 0 });
    expect(await tree.list('a.txt')).toEqual([]);
    expect(await tree.list('nowhere')).toEqual([]);
  });

  it.each(['out', 'out-folder/secret', '../secret', '/etc/passwd', 'src/../../x', 'dangling', 'loop'])(
    'reads nothing by %s',
    async (path) => {
      const { tree } = await example();
      expect(await tree.readText(path)).toBeUndefined();
      expect((await tree.stat(path))?.kind).toSatisfy((kind) => kind === undefined || kind === 'link');
    },
  );

  it('reads whole files up to a limit', async () => {
    const { tree } = await example();
    expect(await tree.readText('in')).toBe('main');
    expect(await tree.readText('src')).toBeUndefined();
    await expect(tree.readText('src/main.ts', 3)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('is walked without following links, into the folders that are wanted, as far as is wanted', async () => {
    const { tree, folder } = await example();
    await mkdir(join(folder, 'src/deep'));
    await writeFiles(folder, { 'src/deep/x': '', 'skip/y': '' });
    const seen: string[] = [];
    const visit = ({ path, kind }: WalkEntry): boolean => {
      seen.push(`${kind} ${path}`);
      return path !== 'skip';
    };
    expect(await tree.walk(visit)).toBe(true);
    expect(seen.sort()).toEqual([
      'file a.txt',
      'file src/deep/x',
      'file src/main.ts',
      'file src/run',
      'folder skip',
      'folder src',
      'folder src/deep',
      'link dangling',
      'link in',
      'link loop',
      'link out',
      'link out-folder',
    ]);
    let count = 0;
    expect(await tree.walk(() => ++count > 0, { maxEntries: 3 })).toBe(false);
    expect(count).toBe(3);
  });
});
