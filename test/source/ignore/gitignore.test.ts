import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gitignore, onlyIncluded, parseSlugignore } from '../../../src/source/ignore/gitignore.ts';
import { isIgnored } from '../../../src/source/ignore/ignore.ts';
import { describeWith } from '../../helpers/engines.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { writeFiles } from '../archives.ts';

const FILES = [
  'a',
  'a.log',
  'b/a',
  'b/a.log',
  'b/c/a',
  'b/c/d/e.txt',
  'docs/x.md',
  'docs/sub/y.md',
  'src/docs/z',
  'x y',
  '#h',
  '!b',
  'c1',
  'c2',
  'c3',
  'ab/c',
  'build',
];

const CASES: readonly string[] = [
  'a',
  '/a',
  'a/',
  'b/',
  '/b',
  'b/a',
  '*.log',
  '/*.log',
  '**/a',
  'b/**',
  'b/**/a',
  '**/d/**',
  'docs',
  '/docs',
  'docs/',
  'docs/*',
  'docs/*.md',
  '*.log\n!a.log',
  '!a.log\n*.log',
  '# a',
  '\\#h',
  '\\!b',
  'x y',
  'a   ',
  'c?',
  'c[12]',
  'c[!1]',
  'c[^1]',
  '[a-b]',
  '*',
  'a*',
  '[',
  'a\\',
  'build/',
  '**',
  'b*/c',
  'a[^x]c',
  'sub/',
  '**/sub',
  'a\r',
];

const kept = (ignore: ReturnType<typeof gitignore>): string[] =>
  FILES.filter((path) => !isIgnored(ignore, path)).sort();

describeWith(['git'], 'patterns as in .gitignore', ({ git }) => {
  it('leave out what git leaves out', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, Object.fromEntries(FILES.map((path) => [path, 'x'])));
    execFileSync(git, ['init', '-q'], { cwd: folder });
    const patterns = join(await temporaryFolder(), 'patterns');
    for (const text of CASES) {
      await writeFile(patterns, text);
      const args = ['-c', 'core.quotePath=off', 'ls-files', '-z', '--others', `--exclude-from=${patterns}`];
      const seen = execFileSync(git, args, { cwd: folder, encoding: 'utf8' })
        .split('\0')
        .filter(Boolean)
        .sort();
      expect([text, kept(gitignore(text.split('\n'), { exceptions: true }))]).toEqual([text, seen]);
    }
  });
});

describe('patterns as in .gitignore', () => {
  it('take back what lies in a folder that is left out, as pack does', () => {
    expect(
      kept(gitignore(['b', '!b/c'], { exceptions: true })).filter((path) => path.startsWith('b/')),
    ).toEqual(['b/c/a', 'b/c/d/e.txt']);
  });

  it('leave only what is included, turned around', () => {
    expect(kept(onlyIncluded(['docs', '*.log', '!b/a.log']))).toEqual([
      'a.log',
      'docs/sub/y.md',
      'docs/x.md',
      'src/docs/z',
    ]);
  });

  it('have no exceptions in a .slugignore', () => {
    expect(kept(parseSlugignore('\uFEFF*.log\r\n!a.log\r\n/docs\r\nb/c\n'))).toEqual(
      FILES.filter((path) => !/\.log$|^docs\/|^b\/c\//.test(path)).sort(),
    );
  });
});
