/**
 * A registry that dies, connections that are cut, slow or damaged at any byte: each run of 500 ends complete or with an
 * error that may pass, and a second run completes it with what is missing alone.
 *
 * DOGWOOD_FAULT_SEED=17 runs one seed again; DOGWOOD_FAULT_SEED=1000-2000 others than CI does.
 */
import pLimit from 'p-limit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeWith, type EngineName } from '../../helpers/engines.ts';
import type { Upstream } from '../../helpers/fault-proxy/proxy.ts';
import { type QuirkRegistry, quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { freePort, type RegistryKind, type RunningRegistry, startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { type Backend, faultRun, type Outcome } from './run.ts';

const RUNS = 500;
/** Each fifth run has a real registry. */
const REAL = 5;
/** Runs at once; each mostly waits. */
const AT_ONCE = 8;
const REAL_AT_ONCE = 3;
const REGISTRIES = [
  ['distribution3', 'registry', 0],
  ['docker-registry', 'docker-registry', 1],
] as const satisfies readonly (readonly [RegistryKind, EngineName, number])[];

const [first = 1, last = first] = (process.env.DOGWOOD_FAULT_SEED ?? `1-${RUNS}`).split('-').map(Number);
const SEEDS = Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('with the registry of the tests', () => {
  const seeds = SEEDS.filter((seed) => seed % REAL !== 0);
  it.each(batches(seeds, 100))(
    'seeds %s to %s',
    async (_first, _last, some) => {
      const registry = await quirkRegistry();
      const backend: Backend = { name: 'quirk registry', upstream: (name) => quirkUpstream(registry, name) };
      expect(await all(some, AT_ONCE, (seed) => faultRun(seed, backend))).toHaveLength(some.length);
    },
    120_000,
  );
});

describe('with real registries', () => {
  describe.each(REGISTRIES)('%s', (kind, engine, remainder) => {
    describeWith([engine], 'that die for real', () => {
      const seeds = SEEDS.filter((seed) => seed % (REAL * REGISTRIES.length) === REAL * remainder);
      it.runIf(seeds.length > 0)(
        `${seeds.length} seeds`,
        async () => {
          const free = await Promise.all(Array.from({ length: REAL_AT_ONCE }, () => realBackend(kind)));
          const outcomes = await all(seeds, free.length, async (seed) => {
            const backend = free.pop();
            if (backend === undefined) throw new Error('more runs at once than there are registries');
            try {
              return await faultRun(seed, backend);
            } finally {
              free.push(backend);
            }
          });
          expect(outcomes).toHaveLength(seeds.length);
        },
        120_000,
      );
    });
  });
});

function batches(seeds: readonly number[], size: number): (readonly [number, number, readonly number[]])[] {
  const starts = Array.from({ length: Math.ceil(seeds.length / size) }, (_, i) => i * size);
  return starts.map((start) => {
    const some = seeds.slice(start, start + size);
    return [some[0] ?? 0, some.at(-1) ?? 0, some];
  });
}

/** Runs all, and says how they ended; fails with all that failed. */
async function all(
  seeds: readonly number[],
  atOnce: number,
  run: (seed: number) => Promise<Outcome>,
): Promise<readonly Outcome[]> {
  const limit = pLimit(atOnce);
  const settled = await Promise.allSettled(seeds.map((seed) => limit(() => run(seed))));
  const failed = settled.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason));
  if (failed.length > 0)
    throw new Error(
      `${failed.length} of ${seeds.length} runs (DOGWOOD_FAULT_SEED=N repeats one):\n${failed.join('\n')}`,
    );
  const outcomes = settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  const counts = Object.entries(Object.groupBy(outcomes, (outcome) => outcome));
  const believed = outcomes.filter((outcome) => outcome === 'believed').length;
  if (believed > 1 + seeds.length / 50) throw new Error(`${believed} of ${seeds.length} runs ended for good`);
  process.stderr.write(`${counts.map(([outcome, all]) => `${all?.length} ${outcome}`).join(', ')}\n`);
  return outcomes;
}

/** Dead as long as the proxy takes it for dead: its uploads under way are lost, what it has is kept. */
function quirkUpstream(registry: QuirkRegistry, repository: string): Upstream {
  return {
    port: Number(registry.host.split(':')[1]),
    async kill() {
      for (const [id, session] of registry.sessions) {
        if (session.repository === repository) registry.sessions.delete(id);
      }
    },
    async start() {},
  };
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
