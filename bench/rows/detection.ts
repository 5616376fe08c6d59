import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result } from '../compare.ts';
import { findProgram, run } from '../programs.ts';

/** What is found out about a large tree, against `find` that looks at all of it. */
export async function detectionRows(bench: Bench): Promise<Result[]> {
  const count = bench.small ? 1_000 : 50_000;
  const tree = await bench.inputs.tree(count);
  const find = findProgram('find');
  const words = count.toLocaleString('en');
  return await inFolder(bench, async (home) => {
    const small = await bench.inputs.tree(0);
    const planOf = async (folder: string): Promise<number> =>
      (await bench.build(['plan', folder, '--json'], { home })).seconds;
    const plan = async (): Promise<number> => Math.max((await planOf(tree)) - (await planOf(small)), 0);
    // The first start fills the compile cache.
    await plan();
    const size = async (): Promise<number> => {
      const { stdout } = await run(process.execPath, [join(import.meta.dirname, '../context-size.ts'), tree]);
      return Number(stdout);
    };
    const findAll = find === undefined ? undefined : async () => (await run(find, [tree])).seconds;
    const findSizes =
      find === undefined
        ? undefined
        : async () => (await run(find, [tree, '-type', 'f', '-size', '+1M'])).seconds;
    const rounds = bench.small ? bench.rounds : Math.max(bench.rounds, 7);
    return [
      ...(await compare(
        {
          row: `detection and plan of ${words} files, beyond start-up`,
          ours: plan,
          peers: [{ name: 'find', goal: 3, run: findAll }],
        },
        rounds,
      )),
      ...(await compare(
        {
          row: `size of a build context of ${words} files, with an ignore file`,
          ours: size,
          peers: [{ name: 'find -size', goal: 3, run: findSizes }],
        },
        rounds,
      )),
    ];
  });
}
