import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { migrationPaths } from '../../../src/heroku-import/folder/migration-folder.ts';
import { runStatus } from '../../../src/heroku-import/folder/run-status.ts';
import { tryLock } from '../../../src/oci/stores/file-lock.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { describeWith } from '../../helpers/engines.ts';
import type { Oddity } from '../../helpers/heroku/make-world.ts';
import { startMigration } from '../../helpers/heroku/migration.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const states = async (folder: string) => (await runStatus(folder)).apps.map(({ status }) => status);

/** As an import leaves it that was killed with an app in hand. */
async function interrupt(folder: string, app: string): Promise<void> {
  const entry = { at: '2027-01-15T08:00:00Z', run: 'r', app };
  const lines = [
    { ...entry, event: 'run-started', asked: 'x', app: undefined },
    { ...entry, event: 'app-started' },
  ];
  await appendFile(migrationPaths(folder).journal, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

describeWith(['gnutar'], 'the status of a migration', () => {
  test('before, between and after an import', async () => {
    const odd: readonly Oddity[] = ['none', 'wrong-checksum', 'no-slug', 'none'];
    const migration = await startMigration({ apps: 4, oddity: (index) => odd[index] ?? 'none' });
    const { folder } = migration;
    expect(await states(folder)).toEqual(['planned', 'planned', 'planned', 'planned']);
    const { document } = await migration.run();
    // What the import itself said.
    expect(await runStatus(folder)).toEqual(document);
    await migration.run();
    expect(await states(folder)).toEqual(['unchanged', 'failed', 'skipped', 'unchanged']);
  });

  test('an app in hand is told apart from one that an interrupted import had in hand', async () => {
    const { folder, run } = await startMigration({ apps: 2 });
    await run();
    await interrupt(folder, 'app-0001');
    const [first, second] = (await runStatus(folder)).apps;
    expect(first?.status).toBe('imported');
    expect(second).toMatchObject({ status: 'importing', reason: expect.stringContaining('run it again') });
    // What the last import that came to its end knew stays.
    expect(second?.references).toHaveLength(1);
    const lock = tryLock(migrationPaths(folder).lock);
    try {
      const [, held] = (await runStatus(folder)).apps;
      expect(held?.reason).toContain('an import has it in hand since 2027-01-15T08:00:00Z');
    } finally {
      lock?.release();
    }
    await run();
    expect(await states(folder)).toEqual(['unchanged', 'unchanged']);
  });

  test.each([
    ['{', 'its result.json is damaged'],
    ['{"schemaVersion": 2}', 'its result.json is of a newer version (2)'],
    ['{"schemaVersion": 1, "app": 7}', 'its result.json is damaged: app'],
  ])('a result that is %s is the trouble of its app only', async (text, reason) => {
    const { folder, run } = await startMigration({ apps: 2 });
    await run();
    await writeFile(migrationPaths(folder).result('app-0000'), text);
    const [first, second] = (await runStatus(folder)).apps;
    expect(first).toMatchObject({ status: 'failed', reason: expect.stringContaining(reason) });
    expect(second?.status).toBe('imported');
  });

  test('looking does not keep an import from beginning', async () => {
    const { folder, run } = await startMigration({ apps: 2 });
    await run();
    const lock = tryLock(migrationPaths(folder).lock);
    const again = run();
    setImmediate(() => lock?.release());
    expect((await again).document.totals.unchanged).toBe(2);
  });

  async function build(folder: string, ...flags: string[]) {
    const { host, texts } = createFakeHost({
      arguments: ['heroku', 'status', folder, ...flags],
      environment: { DOGWOOD_HOME: await temporaryFolder() },
      pipeline: { migrationStatus: async () => runStatus },
    });
    return { exitCode: await runProgram(host), ...texts };
  }

  test('the command shows a table and totals, or the document', async () => {
    const { folder, run, registry } = await startMigration({
      apps: 2,
      oddity: (index) => (index === 1 ? 'no-slug' : 'none'),
    });
    await run();
    const { exitCode, stdout } = await build(folder);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').slice(0, 5)).toEqual([
      'app       status    release  where, or why not',
      expect.stringMatching(
        new RegExp(
          `^app-0000 {2}imported {2}v2 {7}${registry.host}/heroku/app-0000:v2 \\(\\d+ not carried\\)$`,
        ),
      ),
      'app-0001  skipped   v1       its release has no slug: nothing was deployed yet',
      '',
      '2 apps: 1 imported, 1 skipped',
    ]);
    expect(JSON.parse((await build(folder, '--json')).stdout)).toEqual(await runStatus(folder));
  });

  test('a folder without a plan is told as such', async () => {
    const { exitCode, stderr } = await build(join(await temporaryFolder(), 'none'));
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error[MIGRATION_PLAN_MISSING]');
  });
});
