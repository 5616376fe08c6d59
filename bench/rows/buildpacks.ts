import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeBuilder } from '../../test/helpers/make-builder.ts';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result } from '../compare.ts';
import type { Docker } from '../docker.ts';
import { findProgram, run } from '../programs.ts';

const APPLETS = 'sh cat cp echo env httpd ls mkdir printf sleep sort touch tr';

interface Prepared {
  readonly docker: Docker;
  readonly pack: string;
  readonly app: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** An application and its dependencies, built by a buildpack that does little else than copy. */
export async function buildpackRows(bench: Bench): Promise<Result[]> {
  const goal = 1.05;
  const row = 'buildpacks to OCI layout';
  const prepared = await prepare(bench);
  if (prepared === undefined) {
    const result = { ours: 'not measured', peer: 'pack build', theirs: 'not measured', goal: `<= ${goal}x` };
    return [{ row, ...result, met: undefined }];
  }
  const { docker, pack, app, environment } = prepared;
  const bare = ['build', 'bench/bare', '--path', app, '--builder', 'bench/builder', '--trust-builder'];
  const packBuild = async (more: readonly string[]) => {
    await bench.settle();
    const quiet = ['--pull-policy', 'if-not-present', '--docker-host', 'inherit', '--creation-time', '0'];
    return (await run(pack, [...bare, ...quiet, ...more], { environment })).seconds;
  };
  const ours = (more: readonly string[]) =>
    inFolder(bench, async (folder) => {
      await bench.settle();
      const args = [
        app,
        '--strategy',
        'buildpacks',
        '--builder',
        'bench/builder',
        '--allow',
        'trust-builder',
      ];
      const output = ['-o', `oci:${join(folder, 'oci')}:v1`];
      return (await bench.build([...args, ...output, ...more], { environment })).seconds;
    });
  const comparison = (name: string, own: readonly string[], theirs: readonly string[]) =>
    compare(
      {
        row: name,
        ours: () => ours(own),
        peers: [{ name: `pack build ${theirs.join(' ')}`.trimEnd(), goal, run: () => packBuild(theirs) }],
      },
      bench.rounds,
    );
  const results = [
    ...(await comparison(row, ['--rebuild'], ['--clear-cache'])),
    // Both have a cache and the image of the last build by now.
    ...(await comparison(`${row}, again`, [], [])),
  ];
  await docker.run('image', 'rm', '--force', 'bench/bare');
  return results;
}

/** An engine with a builder in it, and an app; undefined where a program is missing. */
async function prepare(bench: Bench): Promise<Prepared | undefined> {
  const [pack, lifecycle, launcher, busybox] = ['pack', 'lifecycle', 'launcher', 'busybox'].map(findProgram);
  const docker = await bench.docker();
  if (!pack || !lifecycle || !launcher || !busybox || !docker) return undefined;
  const folder = await bench.folder();
  const environment = {
    ...docker.environment,
    PATH: `${dirname(pack)}:${process.env.PATH}`,
    PACK_HOME: join(folder, 'pack'),
  };
  const base = await packBase(folder, busybox);
  await makeBuilder({
    ...{ folder, name: 'bench', base, pack, lifecycle, launcher, environment },
    docker: (...args) => docker.run(...args),
  });
  return { docker, pack, app: await unpackApp(bench, join(folder, 'app')), environment };
}

async function packBase(folder: string, busybox: string): Promise<string> {
  const root = join(folder, 'root');
  for (const name of ['bin', 'tmp', 'etc', 'usr/bin']) await mkdir(join(root, name), { recursive: true });
  await run('chmod', ['1777', join(root, 'tmp')]);
  await copyFile(busybox, join(root, 'bin/busybox'));
  for (const applet of APPLETS.split(' ')) await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
  await run('tar', ['-C', root, '--owner=0', '--group=0', '-cf', `${root}.tar`, '.']);
  return `${root}.tar`;
}

/** The content of a slug, which the buildpack also copies into a layer of its own, as if it had been installed. */
async function unpackApp(bench: Bench, app: string): Promise<string> {
  const slug = await bench.inputs.slug(bench.small ? 20 : 130);
  await mkdir(join(app, 'public'), { recursive: true });
  await run('tar', ['-xzf', slug, '-C', join(app, 'public')]);
  await writeFile(join(app, 'vendor'), '');
  await rm(join(app, 'public/app/Procfile'), { force: true });
  return app;
}
