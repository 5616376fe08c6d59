import type { Bench } from '../bench.ts';
import { compare, type Result } from '../compare.ts';
import { run } from '../programs.ts';

/** What every other row of ours contains as well. */
export async function startUpRows(bench: Bench): Promise<Result[]> {
  const version = async (): Promise<number> => (await bench.build(['--version'])).seconds;
  // The first start fills the compile cache.
  await version();
  const bare = async (): Promise<number> => (await run(process.execPath, ['-e', '0'])).seconds;
  return await compare(
    { row: 'start-up: build --version', ours: version, peers: [{ name: 'node -e 0', goal: 2, run: bare }] },
    bench.small ? bench.rounds : 21,
  );
}
