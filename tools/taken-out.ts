/**
 * `npm run test:pitfalls [NN...]`: takes the handling of each pitfall of registries out of a copy of the sources, one
 * at a time, and demands that the pitfall's test fails there (`test/registry/pitfalls/taken-out.ts`). And that every
 * pitfall has a test, and one such proof at least, and that all tests pass before anything is taken out.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TAKEN_OUT, type TakenOut } from '../test/registry/pitfalls/taken-out.ts';

const REPOSITORY = join(import.meta.dirname, '..');
const TESTS = 'test/registry/pitfalls';
const PITFALLS = Array.from({ length: 23 }, (_, i) => String(i).padStart(2, '0'));
const WORKERS = 2;

interface Outcome {
  readonly failed: number;
  readonly passed: number;
  /** Set when no test failed for a reason of its own: a proof that proves nothing. */
  readonly broken: string | undefined;
}

interface Report {
  readonly numFailedTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly failureMessages?: readonly string[] | null }[];
  }[];
}

/** How a change that is no program fails: every test does, whatever it looks at. */
const NO_PROGRAM = /^(?:ReferenceError|SyntaxError|TypeError): /;

/** A copy of what the tests need, beside the same packages. */
function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'dogwood-taken-out-'));
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(join(REPOSITORY, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function testsOf(pitfall: string): string[] {
  return readdirSync(join(REPOSITORY, TESTS)).filter((name) =>
    new RegExp(`^${pitfall}-.*\\.test\\.ts$`).test(name),
  );
}

/** Runs test files in a copy. Throws when the runner itself does not come to an end. */
async function run(copy: string, files: readonly string[]): Promise<Outcome> {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const paths = files.map((name) => `${TESTS}/${name}`);
  const args = [
    vitest,
    'run',
    '--reporter=json',
    `--outputFile=${report}`,
    '--maxWorkers=1',
    '--bail=0',
    ...paths,
  ];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: copy, timeout: 120_000 }, (_error, out, err) =>
      resolve(out + err),
    );
  });
  let read: Report;
  try {
    read = JSON.parse(readFileSync(report, 'utf8')) as Report;
  } catch {
    throw new Error(`the tests did not run:\n${output.slice(-3000)}`);
  }
  const { numFailedTests: failed, numPassedTests: passed, testResults } = read;
  const reasons = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ failureMessages }) => failureMessages ?? []);
  const isBroken =
    failed + passed === 0 || (failed > 0 && reasons.every((reason) => NO_PROGRAM.test(reason)));
  return { failed, passed, broken: isBroken ? `${reasons[0] ?? output.slice(-3000)}` : undefined };
}

/** Undefined when the proof holds, else what is wrong with it. */
async function prove(copy: string, { pitfall, file, find, replace }: TakenOut): Promise<string | undefined> {
  const path = join(copy, file);
  const whole = readFileSync(path, 'utf8');
  const times = whole.split(find).length - 1;
  if (times !== 1) {
    return `${file} holds ${JSON.stringify(find)} ${times} times, not once: name the lines that handle it now`;
  }
  writeFileSync(
    path,
    whole.replace(find, () => replace),
  );
  try {
    const { failed, broken } = await run(copy, testsOf(pitfall));
    if (broken !== undefined) return `what is left with the handling taken out is no program:\n${broken}`;
    return failed > 0 ? undefined : 'its tests pass although the handling is taken out';
  } finally {
    writeFileSync(path, whole);
  }
}

async function main(wanted: readonly string[]): Promise<number> {
  const pitfalls = wanted.length > 0 ? wanted : PITFALLS;
  const proofs = TAKEN_OUT.filter(({ pitfall }) => pitfalls.includes(pitfall));
  const problems: string[] = [];
  for (const pitfall of pitfalls) {
    if (testsOf(pitfall).length === 0) problems.push(`pitfall ${pitfall} has no test`);
    if (!proofs.some((proof) => proof.pitfall === pitfall)) problems.push(`pitfall ${pitfall} has no proof`);
  }
  const queue = [...proofs];
  const copies = Array.from({ length: WORKERS }, makeCopy);
  try {
    const whole = await run(copies[0] ?? '', pitfalls.flatMap(testsOf));
    if (whole.failed > 0 || whole.broken)
      problems.push(`${whole.failed} tests fail with all handling in place`);
    const work = async (copy: string) => {
      for (let proof = queue.shift(); proof !== undefined; proof = queue.shift()) {
        const problem = await prove(copy, proof);
        const name = `${proof.pitfall} ${proof.without}`;
        process.stdout.write(`${problem === undefined ? 'fails as it must' : 'NOT PROVED'}  ${name}\n`);
        if (problem !== undefined) problems.push(`${name}: ${problem}`);
      }
    };
    await Promise.all(copies.map(work));
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  }
  for (const problem of problems) process.stdout.write(`\n${problem}\n`);
  process.stdout.write(`\n${proofs.length} proofs, ${problems.length} problems\n`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
