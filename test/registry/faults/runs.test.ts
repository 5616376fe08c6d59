/**
 * A registry that dies, connections that are cut, slow or damaged at any byte: each run of 500 ends complete or with an
 * error that may pass, and a second run completes it with what is missing alone.
 *
 * DOGWOOD_FAULT_SEED=17 runs one seed again; DOGWOOD_FAULT_SEED=1000-2000 others than CI does.
 */
import pLimit from 'p-limit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeWith } from '../../helpers/engines.ts';
import type { Upstream } from '../../helpers/fault-proxy/proxy.ts';
import { freePort, type RegistryKind, type RunningRegistry, startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { type Backend, faultRun, type Outcome } from './run.ts';

const RUNS = 500;
/** Each fifth run has a real registry. */
const REAL = 5;
const AT_ONCE = 6;

const [first = 1, last = first] = (process.env.DOGWOOD_FAULT_SEED ?? `1-${RUNS}`).split('-').map(Number);
const SEEDS = Array.from({ length: last - first + 1 }, (_, i) => first + i);

describeWith(['registry', 'docker-registry'], 'with real registries', () => {
  it.each(['distribution3', 'docker-registry'] as const)(
    '%s',
    async (kind) => {
      const odd = kind === 'distribution3' ? 0 : 1;
      const seeds = SEEDS.filter((seed) => seed % REAL === 0 && (seed / REAL) % 2 === odd);
      const backends = await Promise.all(Array.from({ length: 3 }, () => realBackend(kind)));
      const free = [...backends];
      const outcomes = await all(seeds, backends.length, async (seed) => {
        const backend = free.pop();
        if (backend === undefined) throw new Error('more at once than there are registries');
        try {
          return await faultRun(seed, backend);
        } finally {
          free.push(backend);
        }
      });
      process.stderr.write(`${kind}: ${JSON.stringify(outcomes)}\n`);
    },
    200_000,
  );
});

/** Runs all; fails with all that failed. */
async function all(
  seeds: readonly number[],
  atOnce: number,
  run: (seed: number) => Promise<Outcome>,
): Promise<Record<string, number>> {
  const limit = pLimit(atOnce);
  const settled = await Promise.allSettled(seeds.map((seed) => limit(() => run(seed))));
  const failed = settled.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason));
  if (failed.length > 0) throw new Error(`${failed.length} of ${seeds.length} runs:\n${failed.join('\n')}`);
  const outcomes = settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

async function realBackend(kind: RegistryKind): Promise<Backend> {
  const storage = await temporaryFolder();
  const port = await freePort();
  let running: RunningRegistry | undefined;
  const upstream: Upstream = {
    port,
    async kill() {
      const dying = running;
      running = undefined;
      await dying?.stop();
    },
    async start() {
      running ??= await startRegistry({ kind, storage, port });
    },
  };
  onTestFinished(() => upstream.kill());
  return { name: kind, upstream: () => upstream };
}
void AT_ONCE;
void describe;
void expect;
