import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import pLimit from 'p-limit';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseDockerignore } from '../../../src/source/ignore/dockerignore.ts';
import { isIgnored } from '../../../src/source/ignore/ignore.ts';
import { type Docker, dockerEngine } from '../../helpers/docker.ts';
import { describeWith, onPath } from '../../helpers/engines.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { writeFiles } from '../archives.ts';

const FILES = [
  'a',
  'a.log',
  'a.txt',
  'b/a',
  'b/a.log',
  'b/c/a',
  'b/c/d/e.txt',
  'b/c/d/f.md',
  'c1/x',
  'c2/x',
  'c3/y',
  'node_modules/m/i.js',
  'web/node_modules/m/i.js',
  '.git/config',
  '.env',
  'docs/a.md',
  'docs/README.md',
  'README.md',
  'x-y',
  'x+y',
  '#hash',
  '!bang',
  'a b',
  'deep/a/b/c/z',
  'deep/z',
  'ab',
  'aXb',
  'a-b',
  '[x]',
];

/**
 * Each is one `.dockerignore`. Not among them is what differs between versions: the BuildKit of Docker 20.10 takes `+`
 * and a backslash before a letter for parts of a regular expression.
 */
const CASES: readonly string[] = [
  'a',
  '/a',
  './a',
  'a/',
  '/b/',
  'b/c',
  'b/c/',
  'b/*',
  'b/*/a',
  '*.log',
  '**/*.log',
  '**/a',
  '**/node_modules',
  'node_modules',
  '*/node_modules',
  'c[12]',
  'c[1-2]/x',
  'c[^3]/*',
  'c?/x',
  '**',
  '*',
  '**/**',
  'b/**',
  'b/**/',
  '**/c/**',
  'deep/**/z',
  'deep**z',
  '**/b/**/z',
  '*\n!README.md',
  '**\n!docs',
  'docs\n!docs/README.md',
  'docs\n!docs/*.md\ndocs/a.md',
  'b\n!b/c\nb/c/d',
  '!a\na',
  'a\n!a\na',
  '*.md\n!README.md',
  '!b/c\nb',
  'b/c/d\n!b/c/d/e.txt',
  '**/*.md\n!**/README.md',
  '# comment\na',
  ' # hash',
  ' #hash',
  '#hash',
  '\\#hash',
  '\\!bang',
  'a b',
  '  a.txt  ',
  '\uFEFFa',
  'a\r\nb/c\r\n',
  '!\tREADME.md\n',
  'b//c',
  'b/../a',
  'b/./c',
  '../a',
  '.',
  '/',
  'x?y',
  '*b',
  'a*b',
  '\\[x\\]',
  '[[]x]',
  '.*',
  '.env*',
  '**/.git',
  'b/c/../../a',
  'b*/c*/d',
  '*/*/a',
  '**/d/e.txt',
  '**e.txt',
  'b**',
  '[a-c]*',
  'README*\n!README.md\n*.md',
  'c*\n!c3\nc3/y',
];

describe('.dockerignore', () => {
  it.each([
    ['!', 'no pattern behind !'],
    ['[a', 'an open bracket'],
    ['[]a]', 'an empty class'],
    ['[a-]', 'an open range'],
    ['a\\', 'a backslash at the end'],
  ])('refuses %s (%s), with the line', (line) => {
    expect(() => parseDockerignore(`a\n\n${line}\n`, 'web.dockerignore')).toThrow(
      expect.objectContaining({
        code: 'PROJECT_FILE_INVALID',
        message: expect.stringMatching(/^web\.dockerignore:3: /),
      }),
    );
  });

  it('looks into no folder from which nothing can come back', () => {
    const plain = parseDockerignore('node_modules');
    expect(plain.step('node_modules', true, undefined)).toMatchObject({ ignored: true, prune: true });
    const taking = parseDockerignore('node_modules\n!node_modules/keep');
    expect(taking.step('node_modules', true, undefined)).toMatchObject({ ignored: true, prune: false });
    expect(isIgnored(taking, 'node_modules/keep')).toBe(false);
    expect(isIgnored(taking, 'node_modules/other')).toBe(true);
  });
});

describeWith(['docker', 'gnutar'], '.dockerignore and BuildKit', () => {
  let docker: Docker;
  beforeAll(async () => {
    docker = await dockerEngine();
  });

  it('leave out the same files', { timeout: 300_000 }, async () => {
    const other = await temporaryFolder();
    const failures: unknown[] = [];
    const limit = pLimit(4);
    const compare = async (text: string, index: number): Promise<void> => {
      // A folder of its own: BuildKit keeps what it got of one by its name, and hands that on to a build beside it.
      const folder = join(other, `context-${index}`);
      await writeFiles(folder, Object.fromEntries(FILES.map((path) => [path, 'x'])));
      const file = join(other, `d${index}`);
      await writeFile(file, 'FROM scratch\nCOPY . /\n');
      await writeFile(`${file}.dockerignore`, text);
      const seen = await builtFrom(docker, folder, file);
      const ignore = parseDockerignore(text);
      const ours = FILES.filter((path) => !isIgnored(ignore, path));
      const differ = [...seen, ...ours].filter((path) => seen.includes(path) !== ours.includes(path));
      if (differ.length > 0) failures.push({ text, differ });
    };
    await Promise.all(CASES.map((text, index) => limit(compare, text, index)));
    expect(failures).toEqual([]);
  });
});

/** The files that reach a build: BuildKit writes them into a tar. */
async function builtFrom({ environment }: Docker, folder: string, file: string): Promise<readonly string[]> {
  const out = await temporaryFolder();
  const tar = join(out, 'out.tar');
  await execa(
    onPath('docker') ?? 'docker',
    ['build', '--quiet', '--file', file, '--output', `type=tar,dest=${tar}`, folder],
    {
      env: { ...environment, DOCKER_BUILDKIT: '1' },
      preferLocal: false,
      stdin: 'ignore',
    },
  );
  const list = execFileSync('tar', ['-tf', tar], { encoding: 'utf8' });
  return list
    .split('\n')
    .filter((path) => path !== '' && !path.endsWith('/'))
    .sort();
}
