import { copyFile, link, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result, type Run } from '../compare.ts';
import { findProgram, run } from '../programs.ts';

/** A slug becomes an image on an empty base, in a registry or in an OCI layout. */
export async function slugRows(bench: Bench): Promise<Result[]> {
  const slug = await bench.inputs.slug(bench.small ? 20 : 300);
  return [
    ...(await intoRegistry(bench, slug)),
    ...(await intoLayout(bench, slug)),
    ...(await canonical(bench, slug)),
  ];
}

async function intoRegistry(bench: Bench, slug: string): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) {
    const common = {
      row: 'slug to registry',
      ours: 'no registry here',
      theirs: 'not measured',
      met: undefined,
    };
    return [{ ...common, peer: 'crane append, docker build, buildah', goal: '<= 0.6x, 0.2x' }];
  }
  const ours: Run = async () => {
    const repository = await registry.fresh();
    await bench.settle();
    return (await bench.build([slug, '--base', 'scratch', '-t', `${repository}:v1`])).seconds;
  };
  return await compare(
    {
      row: 'slug to registry',
      ours,
      peers: [
        { name: 'crane append', goal: 0.6, run: craneAppend(bench, slug) },
        { name: 'docker build (ADD), docker push', goal: 0.2, run: await dockerBuild(bench, slug, 'push') },
        { name: 'buildah add, commit to registry', goal: 0.2, run: buildahCommit(bench, slug) },
      ],
    },
    bench.rounds,
  );
}

function craneAppend(bench: Bench, slug: string): Run | undefined {
  const crane = findProgram('crane');
  if (crane === undefined) return undefined;
  return async () => {
    const repository = await (await bench.registry())?.fresh();
    await bench.settle();
    return (await run(crane, ['append', '--insecure', '-f', slug, '-t', `${repository}:v1`])).seconds;
  };
}

/** The image ends in the engine, and in the registry where it is pushed as well. */
async function dockerBuild(bench: Bench, slug: string, push?: 'push'): Promise<Run | undefined> {
  const docker = await bench.docker();
  if (docker === undefined) return undefined;
  return () =>
    inFolder(bench, async (context) => {
      await linkOrCopy(slug, join(context, 'slug.tgz'));
      await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD slug.tgz /\n');
      const registry = push && (await bench.registry());
      const tag = `${(await registry?.fresh()) ?? 'bench'}:v1`;
      await bench.settle();
      let seconds = await docker.run('build', '--no-cache', '-q', '-t', tag, context);
      if (registry) seconds += await docker.run('push', '-q', tag);
      await docker.run('rmi', '-f', tag);
      return seconds;
    });
}

function buildahCommit(bench: Bench, slug: string): Run | undefined {
  const buildah = findProgram('buildah');
  if (buildah === undefined || process.getuid?.() !== 0) return undefined;
  return () =>
    inFolder(bench, async (folder) => {
      const repository = await (await bench.registry())?.fresh();
      const storage = [
        '--root',
        join(folder, 'root'),
        '--runroot',
        join(folder, 'run'),
        '--storage-driver',
        'overlay',
      ];
      // Whatever credentials the user has are of no use here, and Buildah stops at a config file that is missing.
      const environment = { HOME: folder, REGISTRY_AUTH_FILE: join(folder, 'auth.json') };
      await writeFile(environment.REGISTRY_AUTH_FILE, '{}');
      const step = (...args: string[]) => run(buildah, [...storage, ...args], { environment });
      await bench.settle();
      const from = await step('from', 'scratch');
      const container = from.stdout.trim();
      const add = await step('add', '-q', container, slug, '/');
      const commit = await step('commit', '-q', '--tls-verify=false', container, `docker://${repository}:v1`);
      await step('rm', '--all');
      return from.seconds + add.seconds + commit.seconds;
    });
}

async function intoLayout(bench: Bench, slug: string): Promise<Result[]> {
  const drain: Run = async () => {
    await bench.settle();
    return (await run(process.execPath, [join(import.meta.dirname, '../gunzip-floor.ts'), slug])).seconds;
  };
  return await compare(
    {
      row: 'slug to OCI layout',
      ours: () => layout(bench, slug, []),
      peers: [{ name: 'gunzip alone in Node', goal: 1.2, run: drain }],
    },
    bench.rounds,
  );
}

async function canonical(bench: Bench, slug: string): Promise<Result[]> {
  const docker = await dockerBuild(bench, slug);
  const against = (compression: string, goal: number): Promise<Result[]> =>
    compare(
      {
        row: `slug, canonical with ${compression}, to OCI layout`,
        ours: () => layout(bench, slug, ['--layer', 'canonical', '--compression', compression]),
        peers: [{ name: 'docker build (ADD)', goal, run: docker }],
      },
      bench.rounds,
    );
  return [...(await against('gzip', 0.5)), ...(await against('zstd', 0.3))];
}

function layout(bench: Bench, slug: string, flags: readonly string[]): Promise<number> {
  return inFolder(bench, async (folder) => {
    await bench.settle();
    return (await bench.build([slug, '--base', 'scratch', '-o', `oci:${join(folder, 'oci')}:v1`, ...flags]))
      .seconds;
  });
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}
