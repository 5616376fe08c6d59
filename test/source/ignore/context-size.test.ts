import { symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contextSize, contextWarning } from '../../../src/source/ignore/context-size.ts';
import { parseDockerignore } from '../../../src/source/ignore/dockerignore.ts';
import { NOTHING_IGNORED } from '../../../src/source/ignore/ignore.ts';
import { openTree } from '../../../src/source/tree.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { writeFiles } from '../archives.ts';

const MB = 1024 * 1024;

/** A folder with files of these sizes, which hold nothing. */
async function treeOf(sizes: Readonly<Record<string, number>>) {
  const folder = await temporaryFolder();
  await writeFiles(folder, Object.fromEntries(Object.keys(sizes).map((path) => [path, ''])));
  for (const [path, size] of Object.entries(sizes)) await truncate(join(folder, path), size);
  return openTree(folder);
}

describe('the size of a build context', () => {
  it('is that of what is not left out, without what links lead to', async () => {
    const tree = await treeOf({ a: 10, 'b/c': 20, 'b/d': 5, 'node_modules/x': 1000 });
    const outside = join(await temporaryFolder(), 'big');
    await writeFile(outside, 'x'.repeat(1000));
    await symlink(outside, join(tree.root, 'link'));
    await symlink('..', join(tree.root, 'b/loop'));
    expect(await contextSize(tree, parseDockerignore('node_modules'))).toMatchObject({ files: 3, bytes: 35 });
    expect(await contextSize(tree, parseDockerignore('*\n!b/c'))).toMatchObject({ files: 1, bytes: 20 });
    expect(await contextSize(tree, NOTHING_IGNORED)).toMatchObject({ files: 4, bytes: 1035 });
  });

  it('is named with the five largest paths, each as deep as what fills it', async () => {
    const tree = await treeOf({
      'node_modules/a/x': 50 * MB,
      'node_modules/b/x': 40 * MB,
      'data/deep/er/dump.sql': 60 * MB,
      'data/small': 1 * MB,
      'video.mp4': 30 * MB,
      f1: 3 * MB,
      f2: 2 * MB,
      f3: 1 * MB,
    });
    const size = await contextSize(tree, NOTHING_IGNORED);
    expect(size.bytes).toBe(187 * MB);
    expect(size.largest).toEqual([
      { path: 'node_modules', bytes: 90 * MB },
      { path: 'data/deep/er/dump.sql', bytes: 60 * MB },
      { path: 'video.mp4', bytes: 30 * MB },
      { path: 'f1', bytes: 3 * MB },
      { path: 'f2', bytes: 2 * MB },
    ]);
    expect(contextWarning(size)).toBe(
      'the build context has 187 MB in 8 files; the largest are node_modules (90 MB), data/deep/er/dump.sql (60 MB), video.mp4 (30 MB), f1 (3 MB), f2 (2 MB)',
    );
  });

  it('is nothing to speak of below 100 MB', async () => {
    const tree = await treeOf({ a: 100 * MB });
    expect(contextWarning(await contextSize(tree, NOTHING_IGNORED))).toBeUndefined();
    await truncate(join(tree.root, 'a'), 100 * MB + 1);
    expect(contextWarning(await contextSize(tree, NOTHING_IGNORED))).toContain('a (100 MB)');
  });

  it('is not added up any longer once called off', async () => {
    const tree = await treeOf(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`d${i}/f`, 1])));
    const slow = { step: NOTHING_IGNORED.step };
    const control = new AbortController();
    control.abort(new Error('stop'));
    let seen = 0;
    const counting = {
      step: (...args: Parameters<typeof slow.step>) => {
        seen += 1;
        // Slower than a slice of time, so that the walk looks up.
        const end = performance.now() + 1;
        while (performance.now() < end);
        return slow.step(...args);
      },
    };
    await expect(contextSize(tree, counting, control.signal)).rejects.toThrow('stop');
    expect(seen).toBeLessThan(600);
  });
});
