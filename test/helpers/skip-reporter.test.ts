import { spawnSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from './engines.ts';
import { temporaryFolder } from './temp.ts';

const HELPERS = join(REPOSITORY, 'test/helpers');

/** Runs vitest with the project's reporter over one file of tests; engines are looked for in an empty folder. */
async function run(tests: string, env: Record<string, string> = {}) {
  const root = await temporaryFolder();
  await mkdir(join(root, 'empty'));
  await mkdir(join(root, 'node_modules'));
  await symlink(join(REPOSITORY, 'node_modules/vitest'), join(root, 'node_modules/vitest'));
  const head = `import { test, expect } from 'vitest';\nimport { describeWith } from '${HELPERS}/engines.ts';\n`;
  await writeFile(join(root, 'a.test.ts'), head + tests);
  await writeFile(
    join(root, 'vitest.config.mts'),
    `import { SkipReporter } from '${HELPERS}/skip-reporter.ts';
     export default { test: { reporters: ['default', new SkipReporter()] } };`,
  );
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', '--root', root], {
    encoding: 'utf8',
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, NO_COLOR: '1', DOGWOOD_TEST_TOOLS: join(root, 'empty'), ...env },
  });
  return { status, stdout, last: stdout.trimEnd().split('\n').at(-1) };
}

const SKIPPED = `
  describeWith(['crane'], 'images', () => { test('one', () => {}); test('two', () => {}); });
  describeWith(['crane', 'registry'], 'more', () => { test('three', () => {}); });
  test('passes', () => {});`;

test('what lacks an engine is skipped, grouped by engine at the end', async () => {
  const { status, stdout, last } = await run(SKIPPED);
  expect(last).toBe('1 passed, 0 failed, 3 skipped');
  expect(status).toBe(0);
  expect(stdout).toContain('  crane     3 skipped; .ci/engines crane\n');
  expect(stdout).toContain('  registry  1 skipped; .ci/engines registry\n');
  expect(stdout.split('Skipped, because')).toHaveLength(2);
});

test('where engines are required, a missing one is a failure that names it', async () => {
  const { status, stdout, last } = await run(SKIPPED, { DOGWOOD_REQUIRE_ENGINES: '1' });
  expect(last).toBe('1 passed, 3 failed, 0 skipped');
  expect(status).toBe(1);
  expect(stdout).toContain('needs the engine registry');
});

test('where engines are required, no other skip passes either', async () => {
  const tests = `test('passes', () => {}); test.skip('tired', () => {}); test.todo('later');
    test('changes its mind', ({ skip }) => skip());`;
  const lenient = await run(tests);
  expect([lenient.status, lenient.last]).toEqual([0, '1 passed, 0 failed, 3 skipped']);
  const strict = await run(tests, { DOGWOOD_REQUIRE_ENGINES: '1' });
  expect([strict.status, strict.last]).toEqual([1, '1 passed, 0 failed, 3 skipped']);
  expect(strict.stdout).toContain('a.test.ts > tired\n');
});

test('what fails outside of a test counts as failed', async () => {
  const broken = await run("throw new Error('does not load');");
  expect([broken.status, broken.last]).toEqual([1, '0 passed, 1 failed, 0 skipped']);
  const rejected = await run("test('a', () => {}); Promise.reject(new Error('nobody listens'));");
  expect([rejected.status, rejected.last]).toEqual([1, '1 passed, 1 failed, 0 skipped']);
});
