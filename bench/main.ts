/** `npm run bench`: how fast the compiled program is beside its peers. See docs/benchmarks.md. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createBench } from './bench.ts';
import type { Result } from './compare.ts';
import { createInputs } from './inputs.ts';
import { describeMachine } from './machine.ts';
import { againRows } from './rows/again.ts';
import { buildpackRows } from './rows/buildpacks.ts';
import { detectionRows } from './rows/detection.ts';
import { dockerfileRows } from './rows/dockerfile.ts';
import { imageRows } from './rows/images.ts';
import { memoryRows } from './rows/memory.ts';
import { migrationRows } from './rows/migration.ts';
import { pushMemoryRows } from './rows/push-memory.ts';
import { regionRows } from './rows/regions.ts';
import { slugRows } from './rows/slug.ts';
import { startUpRows } from './rows/start-up.ts';
import { throttledRows } from './rows/throttled.ts';
import { tableText } from './table.ts';

const GROUPS = {
  'start-up': startUpRows,
  slug: slugRows,
  again: againRows,
  detection: detectionRows,
  images: imageRows,
  dockerfile: dockerfileRows,
  buildpacks: buildpackRows,
  memory: memoryRows,
  'push-memory': pushMemoryRows,
  throttled: throttledRows,
  regions: regionRows,
  migration: migrationRows,
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    small: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    inputs: { type: 'string', default: join(tmpdir(), 'dogwood-bench-inputs') },
    program: { type: 'string', default: join(import.meta.dirname, '..') },
  },
});
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const bench = await createBench({
  inputs: createInputs(resolve(flags.inputs), log),
  rounds: Number(flags.rounds),
  small: flags.small,
  large: flags.large,
  scratch: join(tmpdir(), `dogwood-bench-${process.pid}`),
  program: resolve(flags.program),
  log,
});
// A daemon would live on.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void bench.stop().finally(() => process.exit(130)));
}
const results: Result[] = [];
try {
  for (const [name, rows] of Object.entries(GROUPS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    log(`measuring ${name}`);
    results.push(...(await rows(bench)));
  }
} finally {
  await bench.stop();
}
const machine = describeMachine();
const inputs = await bench.inputs.describe();
process.stdout.write(
  flags.json
    ? `${JSON.stringify({ machine, inputs, rounds: bench.rounds, results }, null, 2)}\n`
    : `${machine}\ninputs: ${inputs}\n\n${tableText(results)}\n`,
);
