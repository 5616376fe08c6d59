/**
 * What a run says at its end, beside vitest's own report: which tests were skipped for want of which engine and
 * how to get it, once; and as the very last line `N passed, N failed, N skipped` in vitest's own figures.
 * With DOGWOOD_REQUIRE_ENGINES=1 a skipped test of any kind fails the run.
 */
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';
import { ENGINES, type EngineName, engineIsRequired } from './engines.ts';

export interface Figures {
  readonly passed: number;
  /** Failed tests, and what failed outside of a test: a file that does not load, a hook, an unhandled error. */
  readonly failed: number;
  readonly skipped: number;
  readonly bySkippedEngine: ReadonlyMap<EngineName, number>;
  /** Full names of tests skipped for no engine's sake. */
  readonly skippedOtherwise: readonly string[];
}

export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const figures = count(modules, unhandled.length);
    for (const line of skippedEngines(figures)) process.stdout.write(`${line}\n`);
    if (engineIsRequired() && figures.skipped > 0) {
      process.exitCode = 1;
      process.stdout.write('\nDOGWOOD_REQUIRE_ENGINES=1 allows no skipped test:\n');
      for (const name of figures.skippedOtherwise) process.stdout.write(`  ${name}\n`);
    }
    const { passed, failed, skipped } = figures;
    // At exit, so that neither another reporter nor a teardown can follow it.
    process.once('exit', () => {
      process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }
}

/** Adds up a finished run. A test that was never reached counts as skipped. */
export function count(modules: readonly TestModule[], unhandledErrors: number): Figures {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const states = tests.map((test) => test.result().state);
  const skipped = tests.filter((_, i) => states[i] === 'skipped' || states[i] === 'pending');
  const bySkippedEngine = new Map<EngineName, number>();
  for (const name of skipped.flatMap(missingEngines)) {
    bySkippedEngine.set(name, (bySkippedEngine.get(name) ?? 0) + 1);
  }
  return {
    passed: states.filter((state) => state === 'passed').length,
    failed:
      states.filter((state) => state === 'failed').length +
      suites.filter((suite) => suite.errors().length > 0).length +
      unhandledErrors,
    skipped: skipped.length,
    bySkippedEngine,
    skippedOtherwise: skipped
      .filter((test) => missingEngines(test).length === 0)
      .map((test) => `${test.module.relativeModuleId} > ${test.fullName}`),
  };
}

function missingEngines(test: TestCase): readonly EngineName[] {
  let at: TestCase | TestSuite | TestModule = test;
  while (at.type !== 'module') {
    const missing = at.meta().missingEngines;
    if (missing !== undefined) return missing;
    at = at.parent;
  }
  return [];
}

function skippedEngines({ bySkippedEngine }: Figures): readonly string[] {
  if (bySkippedEngine.size === 0) return [];
  const width = Math.max(...[...bySkippedEngine.keys()].map((name) => name.length));
  const rows = [...bySkippedEngine]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, tests]) => `  ${name.padEnd(width)}  ${tests} skipped; ${ENGINES[name].how}`);
  return ['', 'Skipped, because an engine is missing on this machine (.ci/engines gets them all):', ...rows];
}
