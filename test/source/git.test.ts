import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createTempFiles } from '../../src/oci/stores/temp-files.ts';
import { openSource } from '../../src/source/open-source.ts';
import type { TreeSource } from '../../src/source/source.ts';
import { describeWith } from '../helpers/engines.ts';
import { bareCopy, gitRepository, serveRepository } from '../helpers/git-repository.ts';
import { serve } from '../helpers/http-server.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { writeFiles } from './archives.ts';

interface Options {
  readonly home?: string;
  readonly signal?: AbortSignal;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Opens a source as a run does; notes and the folders made are kept. */
async function open(text: string, { home, signal, variables }: Options = {}) {
  const notes: string[] = [];
  const folders: string[] = [];
  const user = home ?? (await temporaryFolder());
  const source = openSource(text, {
    stdin: Readable.from([]),
    temp: createTempFiles(await temporaryFolder()),
    openUrl: () => Promise.reject(new Error('no URL is fetched')),
    async makeFolder() {
      const folder = await temporaryFolder();
      folders.push(folder);
      return folder;
    },
    engineVariables: { PATH: process.env.PATH ?? '', HOME: user, ...variables },
    note: (message) => void notes.push(message),
    signal: signal ?? new AbortController().signal,
  });
  return { source: source as Promise<TreeSource>, notes, folders };
}

async function tree(text: string, options: Options = {}) {
  const { source, notes } = await open(text, options);
  const { tree: opened, origin, name } = await source;
  const paths: string[] = (await readdir(opened.root, { recursive: true })).sort();
  return { root: opened.root, paths, origin, name, notes };
}

describeWith(['git'], 'a Git source', ({ git }) => {
  it("is the commit that a branch, a tag, or an id names, with the commit's time", async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { 'a.txt': 'one', 'web/Dockerfile': 'FROM scratch\n' });
    await chmod(join(repository.folder, 'a.txt'), 0o755);
    const first = repository.commit();
    repository.git('tag', '-a', 'v1', '-m', 'x');
    await writeFiles(repository.folder, { 'a.txt': 'two' });
    const second = repository.commit();
    const bare = await bareCopy(git, repository);

    const head = await tree(`file://${bare}`);
    expect(head).toMatchObject({ paths: ['a.txt', 'web', 'web/Dockerfile'], name: 'shop', notes: [] });
    expect(head.origin).toEqual({
      kind: 'git',
      repository: `file://${bare}`,
      commit: second,
      ref: null,
      folder: null,
    });
    expect(await readFile(join(head.root, 'a.txt'), 'utf8')).toBe('two');
    const { mtimeMs, mode } = await stat(join(head.root, 'a.txt'));
    expect(mtimeMs).toBe(Date.parse('2024-01-02T03:04:05Z'));
    expect((mode & 0o777).toString(8)).toBe('755');

    for (const ref of ['v1', 'refs/tags/v1', first, first.slice(0, 10)]) {
      const { origin, root } = await tree(`${bare}#${ref}`);
      expect(origin?.commit, ref).toBe(first);
      expect(await readFile(join(root, 'a.txt'), 'utf8')).toBe('one');
    }
    const folder = await tree(`${bare}#main:web`);
    expect(folder).toMatchObject({ paths: ['Dockerfile'], name: 'web' });
    expect(folder.origin).toMatchObject({ commit: second, ref: 'main', folder: 'web' });
  });

  it('is what is committed: no filter, no export-ignore, links as they are', async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, {
      '.gitattributes': 'kept export-ignore\nid export-subst\nbig filter=lfs\n',
      kept: 'kept',
      id: '$Format:%H$',
      big: 'version https://git-lfs.github.com/spec/v1\n',
    });
    await symlink('/nowhere', join(repository.folder, 'etc'));
    repository.commit();
    const { root, paths, notes } = await tree(`file://${repository.folder}/.git`);
    expect(paths).toEqual(['.gitattributes', 'big', 'etc', 'id', 'kept']);
    expect(await readFile(join(root, 'id'), 'utf8')).toBe('$Format:%H$');
    expect(await readlink(join(root, 'etc'))).toBe('/nowhere');
    expect(notes).toEqual([expect.stringContaining('Git LFS')]);
  });

  it('fetches no submodules, and says so', async () => {
    const [inner, outer] = [await gitRepository(git), await gitRepository(git)];
    await writeFiles(inner.folder, { secret: 'x' });
    inner.commit();
    await writeFiles(outer.folder, { a: 'x' });
    outer.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '--quiet', inner.folder, 'inner');
    outer.commit();
    const { paths, notes } = await tree(`file://${outer.folder}/.git`);
    expect(paths).toEqual(['.gitmodules', 'a', 'inner']);
    expect(notes).toEqual([expect.stringContaining('submodules')]);
  });

  it('leaves nothing in the private folder but the files', async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x', b: 'y' });
    repository.commit();
    const { source, folders } = await open(`file://${repository.folder}/.git`);
    await source;
    expect(await readdir(folders[0] ?? '')).toEqual(['source']);
  });

  it("knows nothing of the user's own settings and hooks", async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x', b: 'y' });
    repository.commit();
    const home = await temporaryFolder();
    const hooks = join(home, 'hooks');
    await mkdir(hooks);
    await writeFile(join(hooks, 'reference-transaction'), `#!/bin/sh\ntouch ${home}/ran\n`, { mode: 0o755 });
    await writeFile(
      join(home, '.gitconfig'),
      `[core]\n\thooksPath = ${hooks}\n[url "file:///nowhere/"]\n\tinsteadOf = file://${repository.folder}/\n`,
    );
    const { paths } = await tree(`file://${repository.folder}/.git`, { home });
    expect(paths).toEqual(['a', 'b']);
    expect(await readdir(home)).not.toContain('ran');
  });

  it.each([
    ['#nowhere', 'GIT_REF_NOT_FOUND', 'has no nowhere'],
    ['#0123456789012345678901234567890123456789', 'GIT_REF_NOT_FOUND', 'has no'],
    ['#abcdef1', 'GIT_REF_NOT_FOUND', 'has no'],
    ['#main:nowhere', 'SOURCE_NOT_FOUND', 'has no folder nowhere'],
    ['#main:a', 'SOURCE_NOT_FOUND', 'has no folder a'],
    ['#main:link', 'SOURCE_NOT_FOUND', 'has no folder link'],
  ])('%s is refused as %s', async (fragment, code, message) => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x' });
    await symlink('/etc', join(repository.folder, 'link'));
    repository.commit();
    const { source } = await open(`file://${repository.folder}/.git${fragment}`);
    await expect(source).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('that is not there, or empty, is said so', async () => {
    const { source } = await open('file:///nowhere/shop.git');
    await expect(source).rejects.toMatchObject({ code: 'GIT_REPOSITORY_NOT_FOUND' });
    const empty = await gitRepository(git);
    await expect((await open(`file://${empty.folder}/.git`)).source).rejects.toMatchObject({
      code: 'GIT_REF_NOT_FOUND',
    });
  });

  it('is a folder like any other where it has a work tree', async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x' });
    const { source } = await open(repository.folder);
    expect((await source).origin).toBeUndefined();
  });

  it('is read over http, with credentials of the address, which no argument and no message has', async () => {
    const repository = await gitRepository(git);
    await writeFiles(repository.folder, { a: 'x' });
    const commit = repository.commit();
    const open_ = await serveRepository(git, repository);
    expect((await tree(`${open_.url}/repo.git#main`)).origin?.commit).toBe(commit);

    const closed = await serveRepository(git, repository, { password: 'secret' });
    // A git that notes what it is called with.
    const bin = await temporaryFolder();
    const log = join(bin, 'log');
    await writeFile(join(bin, 'git'), `#!/bin/sh\necho "$0 $*" >> ${log}\nexec ${git} "$@"\n`, {
      mode: 0o755,
    });
    const variables = { PATH: `${bin}:${process.env.PATH}` };
    const found = await tree(`http://user:secret@${closed.host}/repo.git`, { variables });
    expect(found.origin).toMatchObject({ commit, repository: `http://${closed.host}/repo.git` });
    expect(await readFile(log, 'utf8')).toContain('fetch');
    expect(await readFile(log, 'utf8')).not.toContain('secret');

    for (const address of [`http://${closed.host}/repo.git`, `http://user:hunter2@${closed.host}/repo.git`]) {
      await expect((await open(address)).source).rejects.toMatchObject({
        code: 'GIT_DENIED',
        message: expect.not.stringContaining('hunter2'),
      });
    }
  });

  it('is read with the credential helper of the user', async () => {
    const repository = await gitRepository(git);
    const commit = repository.commit();
    const server = await serveRepository(git, repository, { password: 'secret' });
    const home = await temporaryFolder();
    await writeFile(join(home, '.git-credentials'), `http://user:secret@${server.host}\n`);
    await writeFile(join(home, '.gitconfig'), '[credential]\n\thelper = store\n');
    expect((await tree(`${server.url}/repo.git`, { home })).origin?.commit).toBe(commit);
  });

  it.each([
    ['answers 404', 404, 'GIT_REPOSITORY_NOT_FOUND'],
    ['answers 403', 403, 'GIT_DENIED'],
    ['has trouble', 503, 'GIT_UNREACHABLE'],
  ])('of a host that %s fails so', async (_name, status, code) => {
    const server = await serve((_request, response) => response.writeHead(status).end());
    const { source } = await open(`${server.url}/shop.git`);
    await expect(source).rejects.toMatchObject({ code });
  });

  it('of a host that is not there fails so', async () => {
    await expect((await open('https://no-such-host.invalid/a.git')).source).rejects.toMatchObject({
      code: 'GIT_UNREACHABLE',
    });
    await expect((await open('http://127.0.0.1:1/a.git')).source).rejects.toMatchObject({
      code: 'GIT_UNREACHABLE',
    });
  });

  it('does not follow a redirect to another protocol', async () => {
    const repository = await gitRepository(git);
    repository.commit();
    const server = await serve((_request, response) =>
      response.writeHead(302, { location: `file://${repository.folder}/.git` }).end(),
    );
    await expect((await open(`${server.url}/shop.git`)).source).rejects.toMatchObject({
      code: expect.stringMatching(/^GIT_/),
    });
  });

  it('ends when it is called off, and so does git', async () => {
    const arrived = Promise.withResolvers<void>();
    const server = await serve(() => arrived.resolve());
    const control = new AbortController();
    const { source } = await open(`${server.url}/shop.git`, { signal: control.signal });
    await arrived.promise;
    const reason = new Error('stop');
    control.abort(reason);
    await expect(source).rejects.toBe(reason);
    const running = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(running).not.toContain(server.host);
  });

  it('needs git', async () => {
    const variables = { PATH: await temporaryFolder() };
    await expect((await open('file:///srv/a.git', { variables })).source).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
    });
  });
});
