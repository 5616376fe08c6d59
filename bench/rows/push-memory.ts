import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import type { Result } from '../compare.ts';
import { writeRandomLayout } from '../random-layout.ts';
import { MOST_MIB, peakOf } from './memory.ts';

const SMALL_LAYER = 45_000_000;
const LARGE_LAYER = 4_500_000_000;

/** How much memory a push of a layout ever has: one layer of 45 MB and, with --large, of 4.5 GB. */
export async function pushMemoryRows(bench: Bench): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const push = (bytes: number): Promise<number> =>
    inFolder(bench, async (folder) => {
      const layout = join(folder, 'oci');
      await writeRandomLayout(layout, bytes);
      bench.log(`peak memory of a push of ${bytes / 1e6} MB`);
      return await peakOf(['push', `oci:${layout}:v1`, `${await registry.fresh()}:v1`], folder, bench);
    });
  const little = await push(SMALL_LAYER);
  const ours = `${SMALL_LAYER / 1e6} MB: ${little} MiB`;
  const common = {
    row: 'peak memory: OCI layout to registry',
    peer: 'itself',
    goal: `< ${MOST_MIB} MiB, flat`,
  };
  if (!bench.large) return [{ ...common, ours, theirs: '4500 MB: not measured', met: undefined }];
  const much = await push(LARGE_LAYER);
  const theirs = `${LARGE_LAYER / 1e6} MB: ${much} MiB`;
  return [{ ...common, ours, theirs, met: Math.max(little, much) < MOST_MIB }];
}
