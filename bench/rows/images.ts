import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result, type Run } from '../compare.ts';
import { findProgram, run } from '../programs.ts';

/** Whole images on their way: a layout to a registry, an archive of Nix's to a layout. */
export async function imageRows(bench: Bench): Promise<Result[]> {
  return [...(await layoutToRegistry(bench)), ...(await archiveToLayout(bench))];
}

async function layoutToRegistry(bench: Bench): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const folder = await bench.folder();
  const layout = join(folder, 'oci');
  const slug = await bench.inputs.slug(bench.small ? 20 : 300);
  await bench.build([slug, '--base', 'scratch', '-o', `oci:${layout}:v1`]);
  const crane = findProgram('crane');
  const skopeo = findProgram('skopeo');
  const to = (push: (repository: string) => Promise<number>): Run => {
    return async () => {
      const repository = await registry.fresh();
      await bench.settle();
      return await push(repository);
    };
  };
  const results = await compare(
    {
      row: 'OCI layout to registry',
      ours: to(
        async (repository) => (await bench.build(['push', `oci:${layout}:v1`, `${repository}:v1`])).seconds,
      ),
      peers: [
        {
          name: 'crane push',
          goal: 1,
          run:
            crane === undefined
              ? undefined
              : to(
                  async (repository) =>
                    (await run(crane, ['push', '--insecure', layout, repository])).seconds,
                ),
        },
        {
          name: 'skopeo copy',
          goal: 0.6,
          run:
            skopeo === undefined
              ? undefined
              : to((repository) =>
                  runSkopeo(bench, skopeo, [
                    '--dest-tls-verify=false',
                    `oci:${layout}:v1`,
                    `docker://${repository}:v1`,
                  ]),
                ),
        },
      ],
    },
    bench.rounds,
  );
  await rm(folder, { recursive: true, force: true });
  return results;
}

async function archiveToLayout(bench: Bench): Promise<Result[]> {
  const archive = await bench.inputs.dockerArchive(bench.small ? 20 : 217, 8);
  const skopeo = findProgram('skopeo');
  const against = (compression: string, flags: readonly string[], goal: number): Promise<Result[]> => {
    const into = (copy: (layout: string) => Promise<number>): Run => {
      return () =>
        inFolder(bench, async (folder) => {
          await bench.settle();
          return await copy(join(folder, 'oci'));
        });
    };
    return compare(
      {
        row: `docker-archive to OCI layout, ${compression}`,
        ours: into(async (layout) => {
          const args = [
            'copy',
            '--compression',
            compression,
            `docker-archive:${archive}`,
            `oci:${layout}:v1`,
          ];
          return (await bench.build(args)).seconds;
        }),
        peers: [
          {
            name: `skopeo copy ${flags.join(' ')}`.trimEnd(),
            goal,
            run:
              skopeo === undefined
                ? undefined
                : into((layout) =>
                    runSkopeo(bench, skopeo, [...flags, `docker-archive:${archive}`, `oci:${layout}:v1`]),
                  ),
          },
        ],
      },
      bench.rounds,
    );
  };
  return [
    ...(await against('none', ['--dest-oci-accept-uncompressed-layers'], 0.9)),
    ...(await against('zstd', ['--dest-compress-format', 'zstd'], 0.9)),
    ...(await against('gzip', [], 1.1)),
  ];
}

/** With a home of its own: skopeo remembers in it what it has seen of other blobs. */
function runSkopeo(bench: Bench, skopeo: string, args: readonly string[]): Promise<number> {
  return inFolder(bench, async (home) => {
    const anywhere = ['--insecure-policy', 'copy', '-q'];
    return (await run(skopeo, [...anywhere, ...args], { environment: { HOME: home } })).seconds;
  });
}
