import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { compare, type Result } from '../compare.ts';
import { startRegistry } from '../registry.ts';
import { throttledLink } from '../throttle.ts';

const BYTES_PER_SECOND = 20_000_000;
const GOAL = 1.15;

/** Two regions at once, one of them behind a slow link, beside the slow one alone. */
export async function regionRows(bench: Bench): Promise<Result[]> {
  const [near, folder] = [await bench.registry(), await bench.folder()];
  const far = near && (await startRegistry(join(folder, 'far')));
  if (near === undefined || far === undefined) return [];
  const link = await throttledLink(far.port, BYTES_PER_SECOND);
  const slug = await bench.inputs.slug(bench.small ? 20 : 300);
  const layout = join(folder, 'oci');
  /** `REGION=REFERENCE` of each, in registries that hold nothing. */
  const destinations = async (): Promise<{ readonly near: string; readonly far: string }> => {
    const [first, second] = [await near.fresh(), await far.fresh()];
    await bench.settle();
    return { near: `near=${first}:v1`, far: `far=127.0.0.1:${link.port}/${second.split('/')[1]}:v1` };
  };
  const time = async (args: readonly string[]): Promise<number> => (await bench.build(args)).seconds;
  const rounds = Math.min(bench.rounds, 3);
  try {
    await bench.build([slug, '--base', 'scratch', '-o', `oci:${layout}:v1`]);
    const fromSlug = await compare(
      {
        row: 'slug to two regions, one at 20 MB/s',
        ours: async () => {
          const to = await destinations();
          return await time([slug, '--base', 'scratch', '-t', to.near, '-t', to.far]);
        },
        peers: [
          {
            name: 'the slower one alone',
            goal: GOAL,
            run: async () => time([slug, '--base', 'scratch', '-t', (await destinations()).far]),
          },
        ],
      },
      rounds,
    );
    const fromLayout = await compare(
      {
        row: 'OCI layout to two regions, one at 20 MB/s',
        ours: async () => {
          const to = await destinations();
          return await time(['push', `oci:${layout}:v1`, to.near, to.far]);
        },
        peers: [
          {
            name: 'the slower one alone',
            goal: GOAL,
            run: async () => time(['push', `oci:${layout}:v1`, (await destinations()).far]),
          },
        ],
      },
      rounds,
    );
    return [...fromSlug, ...fromLayout];
  } finally {
    await link.stop();
    await far.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
