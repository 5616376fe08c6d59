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

const GOAL = 1.05;

/**
 * An application and its dependencies, built by a buildpack that does little else than copy. What `pack build` alone
 * leaves is in the engine; a layout is reached from there by skopeo, a registry by pack itself with `--publish`. The
 * floor of whatever takes an image out of the engine is `docker save`, which writes all layers to the disk before it
 * sends the first of them.
 */
export async function buildpackRows(bench: Bench): Promise<Result[]> {
  const prepared = await prepare(bench);
  if (prepared === undefined) {
    const row = { row: 'buildpacks', ours: 'not measured', peer: 'pack build', theirs: 'not measured' };
    return [{ ...row, goal: `<= ${GOAL}x`, met: undefined }];
  }
  return [...(await toLayout(bench, prepared)), ...(await toRegistry(bench, prepared))];
}

const FLAGS = ['--pull-policy', 'if-not-present', '--docker-host', 'inherit', '--creation-time', '0'];

async function packBuild({ pack, app, environment }: Prepared, name: string, more: readonly string[]) {
  const args = ['build', name, '--path', app, '--builder', 'bench/builder', '--trust-builder', ...FLAGS];
  return (await run(pack, [...args, ...more], { environment })).seconds;
}

async function ourBuild(bench: Bench, { app, environment }: Prepared, more: readonly string[]) {
  const args = [app, '--strategy', 'buildpacks', '--builder', 'bench/builder', '--allow', 'trust-builder'];
  return (await bench.build([...args, ...more], { environment })).seconds;
}

async function toLayout(bench: Bench, prepared: Prepared): Promise<Result[]> {
  const skopeo = findProgram('skopeo');
  const host = prepared.docker.environment.DOCKER_HOST ?? '';
  const into = (work: (layout: string, home: string) => Promise<number>) => () =>
    inFolder(bench, async (folder) => {
      await bench.settle();
      return work(`oci:${join(folder, 'oci')}:v1`, folder);
    });
  const rows = async (row: string, own: readonly string[], theirs: readonly string[]) =>
    compare(
      {
        row,
        ours: into((layout) => ourBuild(bench, prepared, ['-o', layout, ...own])),
        peers: [
          { name: 'pack build', goal: GOAL, run: into(() => packBuild(prepared, 'bench/bare', theirs)) },
          {
            name: 'pack build, docker save to nowhere',
            goal: GOAL,
            run: into(async () => {
              const built = await packBuild(prepared, 'bench/saved', theirs);
              const save = ['-c', 'docker save bench/saved > /dev/null'];
              return built + (await run('sh', save, { environment: prepared.environment })).seconds;
            }),
          },
          {
            name: 'pack build, skopeo copy',
            goal: GOAL,
            run:
              skopeo === undefined
                ? undefined
                : into(async (layout, home) => {
                    const built = await packBuild(prepared, 'bench/copied', theirs);
                    const plain = [
                      '--insecure-policy',
                      'copy',
                      '-q',
                      '--dest-oci-accept-uncompressed-layers',
                    ];
                    const from = ['--src-daemon-host', host, 'docker-daemon:bench/copied:latest'];
                    const environment = { HOME: home };
                    return built + (await run(skopeo, [...plain, ...from, layout], { environment })).seconds;
                  }),
          },
        ],
      },
      bench.rounds,
    );
  return [
    ...(await rows('buildpacks to OCI layout', ['--rebuild'], ['--clear-cache'])),
    // Everybody has a cache and the image of the last build by now.
    ...(await rows('buildpacks to OCI layout, again', [], [])),
  ];
}

async function toRegistry(bench: Bench, prepared: Prepared): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const { docker } = prepared;
  const to = (work: (repository: string, runImage: string) => Promise<number>) => async () => {
    const repository = await registry.fresh();
    const runImage = `${registry.host}/run`;
    await docker.run('tag', 'bench/run', runImage);
    await docker.run('push', '--quiet', runImage);
    await bench.settle();
    return work(repository, runImage);
  };
  return compare(
    {
      row: 'buildpacks to registry, gzip',
      ours: to((repository, runImage) => {
        const publish = ['--allow', 'host-network', '--base', runImage, '--rebuild'];
        return ourBuild(bench, prepared, ['-t', `${repository}:v1`, '--compression', 'gzip', ...publish]);
      }),
      peers: [
        {
          name: 'pack build --publish',
          goal: GOAL,
          run: to((repository, runImage) => {
            const publish = ['--publish', '--network', 'host', '--run-image', runImage, '--clear-cache'];
            return packBuild(prepared, `${repository}:v1`, publish);
          }),
        },
      ],
    },
    bench.rounds,
  );
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
