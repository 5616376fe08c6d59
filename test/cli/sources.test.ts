import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { gitRepository } from '../helpers/git-repository.ts';
import { serve } from '../helpers/http-server.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { archive, file } from '../oci/tar/raw-tar.ts';
import { writeFiles } from '../source/archives.ts';

interface Failure {
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

/** Runs a command that fails; gives its exit code and the failure document. */
async function failing(words: readonly string[], options: { readonly input?: Uint8Array } = {}) {
  const home = await temporaryFolder();
  const { exitCode, stdout } = await startCommand([...words, '--json'], { home, ...options });
  const { status, error } = JSON.parse(stdout) as Failure;
  expect(status).toBe('failed');
  const left = await readdir(join(home, 'tmp')).catch(() => []);
  return { exitCode, code: error.code, message: error.message, hint: error.hint, left };
}

/** Names that are no lock files: what a run leaves behind. */
const leftovers = (names: readonly string[]): string[] => names.filter((name) => name.endsWith('.tmp'));

describe('a source that cannot be built', () => {
  it('has a code, an exit code and a hint, and leaves nothing', { timeout: 90_000 }, async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, {
      'nothing/README.md': '',
      'broken/dogwood.toml': 'strategy = "docker"',
      'broken/Dockerfile': 'FROM x',
    });
    const hostile = join(folder, 'hostile.tgz');
    await writeFile(hostile, gzipSync(archive(file('a', 'x'), file('b/../../c'))));
    const cut = join(folder, 'cut.tgz');
    await writeFile(cut, gzipSync(archive(file('shop/Dockerfile', 'x'.repeat(5000)))).subarray(0, -12));
    const cases: readonly (readonly [string, number, string])[] = [
      ['', 2, 'USAGE'],
      [join(folder, 'nothing'), 1, 'SOURCE_UNSUPPORTED'],
      [join(folder, 'broken'), 1, 'PROJECT_FILE_INVALID'],
      [join(folder, 'missing'), 1, 'SOURCE_NOT_FOUND'],
      [hostile, 1, 'TAR_PATH_UNSAFE'],
      [cut, 1, 'GZIP_INVALID'],
      ['https://host.example/a.git#--upload-pack=x', 2, 'USAGE'],
      ['git://host.example/a.git', 2, 'USAGE'],
    ];
    for (const [source, exitCode, code] of cases) {
      const found = await failing(['plan', source]);
      expect({ source, exitCode: found.exitCode, code: found.code }).toEqual({ source, exitCode, code });
      expect(found.hint).not.toBe('');
      expect(leftovers(found.left)).toEqual([]);
    }
  });

  it('may come from standard input', async () => {
    const found = await failing(['plan', '-'], { input: gzipSync(archive(file('shop/README.md', 'x'))) });
    expect(found).toMatchObject({ exitCode: 1, code: 'SOURCE_UNSUPPORTED' });
    expect(found.message).toContain('slug: members lie outside app/');
    expect(leftovers(found.left)).toEqual([]);
  });
});

describeWith(['git'], 'a Git source on the command line', ({ git }) => {
  it('that is refused or has no such ref ends with the exit code of its fault', async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x' });
    repository.commit();
    const missing = await failing(['plan', `${repository.folder}/.git#nowhere`]);
    expect(missing).toMatchObject({ exitCode: 1, code: 'GIT_REF_NOT_FOUND' });
    const silent = await failing(['plan', 'http://127.0.0.1:1/a.git']);
    expect(silent).toMatchObject({ exitCode: 3, code: 'GIT_UNREACHABLE' });
    expect(silent.hint).not.toBe('');
    expect(leftovers(missing.left)).toEqual([]);
    const closed = await serve((_request, response) => response.writeHead(403).end());
    const denied = await failing(['plan', `http://user:hunter2@${closed.host}/a.git`]);
    expect(denied).toMatchObject({ exitCode: 4, code: 'GIT_DENIED' });
    expect(JSON.stringify(denied)).not.toContain('hunter2');
  });

  it('can be interrupted, and nothing is left', async () => {
    const arrived = Promise.withResolvers<void>();
    const silent = await serve(() => arrived.resolve());
    const home = await temporaryFolder();
    const running = startCommand(['plan', `${silent.url}/shop.git`, '--json'], { home });
    await arrived.promise;
    running.kill('SIGINT');
    const { exitCode, stdout } = await running;
    expect(exitCode).toBe(130);
    expect((JSON.parse(stdout) as Failure).error.code).toBe('CANCELLED');
    expect(leftovers(await readdir(join(home, 'tmp')))).toEqual([]);
  });

  it('ends at the time limit', async () => {
    const silent = await serve(() => {});
    const found = await failing(['plan', `${silent.url}/shop.git`, '--timeout', '2s']);
    expect(found).toMatchObject({ exitCode: 124, code: 'TIMEOUT' });
    expect(leftovers(found.left)).toEqual([]);
  });
});
