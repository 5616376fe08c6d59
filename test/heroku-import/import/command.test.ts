import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { parseImportDestination } from '../../../src/heroku-import/images/destinations.ts';
import { runImport } from '../../../src/heroku-import/import/run-import.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { describeWith } from '../../helpers/engines.ts';
import type { Oddity } from '../../helpers/heroku/make-world.ts';
import { startMigration } from '../../helpers/heroku/migration.ts';

const KEY = 'HRKU-1234567890';
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

async function start(oddity: (index: number) => Oddity = () => 'none') {
  const migration = await startMigration({ apps: 3, oddity, token: KEY });
  const build = async (...flags: readonly string[]) => {
    const { host, texts } = createFakeHost({
      arguments: ['heroku', 'import', ...flags],
      environment: { HEROKU_API_KEY: KEY, HEROKU_API_URL: migration.api.url, DOGWOOD_HOME: migration.home },
      pipeline: { importApps: async () => ({ runImport, parseImportDestination }) },
    });
    return { exitCode: await runProgram(host), texts };
  };
  const to = ['--to', `fra=${migration.registry.host}/heroku`];
  const all = [migration.folder, ...to, '--base', 'heroku-24=scratch'];
  return { migration, build, all };
}

describeWith(['gnutar'], 'build heroku import', () => {
  test('an import says in a few lines what it did, and prints the status document with --json', async () => {
    const { migration, build, all } = await start();
    const first = await build(...all, '--recipient', RECIPIENT);
    expect(first.texts.stderr).toContain('3 of 3 apps: 3 imported');
    expect(first.exitCode).toBe(0);
    expect(first.texts.stdout.split('\n')[0]).toBe('3 apps: 3 imported');
    const again = await build(...all, '--recipient', RECIPIENT, '--json');
    const document = JSON.parse(again.texts.stdout);
    expect(document.totals).toMatchObject({ apps: 3, unchanged: 3, slugBytesRead: 0 });
    expect(document.apps[0]).toMatchObject({ app: 'app-0000', status: 'unchanged', release: 2 });
    expect(document.apps[0].references[0]).toMatchObject({ region: 'fra', state: 'available' });
    expect(migration.registry.repository('heroku/app-0000').tags.size).toBe(1);
  });

  test('an app that fails is named, and makes the exit code 1', async () => {
    const { build, all } = await start((index) => (index === 1 ? 'wrong-checksum' : 'none'));
    const { exitCode, texts } = await build(...all, '--no-secrets');
    expect(exitCode).toBe(1);
    expect(texts.stdout).toContain('failed: app-0001: the slug of app-0001: its bytes are sha256:');
    expect(texts.stdout).toContain('2 imported, 1 failed');
  });

  test('secrets are not left out by accident', async () => {
    const { build, all } = await start();
    const { exitCode, texts } = await build(...all);
    expect(exitCode).toBe(2);
    expect(texts.stderr).toContain('SECRETS_UNDECIDED');
  });

  test.each([
    [['--no-secrets', '--recipient', RECIPIENT], 2],
    [['--recipient', 'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ'], 2],
    [['--recipient', 'nobody'], 2],
    [['--no-secrets', '--concurrency', '0'], 2],
    [['--no-secrets', '--base', 'heroku-24'], 2],
    [['--no-secrets', '--to', 'nothing'], 2],
    [['--no-secrets', '--to', 'fra=r.example.com/x'], 2],
  ])('%j is wrong usage, and moves nothing', async (flags, expected) => {
    const { migration, build, all } = await start();
    const { exitCode, texts } = await build(...all, ...flags);
    expect([exitCode, texts.stderr.includes('AGE-SECRET')]).toEqual([expected, false]);
    expect(migration.registry.requests).toEqual([]);
  });

  test('a folder without a plan says how to make one', async () => {
    const { build, migration } = await start();
    const flags = ['--to', 'r.example.com/x', '--no-secrets'];
    const { exitCode, texts } = await build(`${migration.folder}/none`, ...flags);
    expect(exitCode).toBe(1);
    expect(texts.stderr).toMatch(/MIGRATION_PLAN_MISSING[\s\S]*build heroku plan/);
  });
});
