import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { migrationPaths } from '../../../src/heroku-import/folder/migration-folder.ts';
import { runVerify } from '../../../src/heroku-import/verify/run-verify.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { describeWith } from '../../helpers/engines.ts';
import { SECRET_MARK } from '../../helpers/heroku/make-world.ts';
import { deploy, makeSlugFile, startMigration } from '../../helpers/heroku/migration.ts';
import type { PlatformApiOptions } from '../../helpers/heroku/platform-api.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';

const KEY = 'HRKU-verify-0001';

async function imported(apps = 3, api: Partial<PlatformApiOptions> = {}) {
  const slugs = await Promise.all([1, 2, 3].map((number) => makeSlugFile(number)));
  const migration = await startMigration({ apps, slugs, token: KEY, api });
  await migration.run({ recipients: [await identityToRecipient(await generateX25519Identity())] });
  const verify = () =>
    runVerify(
      { folder: migration.folder, address: migration.api.url, token: KEY },
      pipelineEnvironment(migration.home),
    );
  return { migration, verify };
}

const wrongOf = (document: Awaited<ReturnType<typeof runVerify>>, app: string) =>
  document.apps.find((one) => one.app === app)?.checks.filter(({ ok }) => !ok) ?? [];

describeWith(['gnutar'], 'what was imported, read back', () => {
  test('what was imported a moment ago is verified, and nothing is written or moved', async () => {
    const { migration, verify } = await imported();
    migration.registry.forget();
    const document = await verify();
    expect(document.totals).toEqual({ apps: 3, verified: 3, drifted: 0, failed: 0 });
    expect(document.apps[0]?.checks.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^image 127/),
      'rollout.json',
      'processes of the image',
      'secrets.age',
      'release at Heroku',
      'processes at Heroku',
      'secrets at Heroku',
    ]);
    expect(migration.registry.lines().every((line) => /^(?:HEAD|GET) /.test(line))).toBe(true);
    expect(JSON.stringify(document)).not.toContain(SECRET_MARK);
  });

  test('a damaged config, a layer that is gone, a moved tag are found', async () => {
    const { migration, verify } = await imported();
    const [first, second, third] = ['app-0000', 'app-0001', 'app-0002'].map((app) =>
      migration.registry.repository(`heroku/${app}`),
    );
    const configOf = (repository: typeof first) =>
      JSON.parse(String([...(repository?.manifests.values() ?? [])][0]?.bytes)).config.digest;
    const digest = configOf(first);
    const bytes = Buffer.from(first?.blobs.get(digest) ?? '');
    bytes.write('X', 10);
    first?.blobs.set(digest, bytes);
    second?.blobs.delete(`sha256:${migration.files[1]?.sha256}`);
    third?.tags.set('v2', [...(first?.manifests.keys() ?? [])][0] ?? '');
    const document = await verify();
    expect(document.totals).toMatchObject({ failed: 3 });
    expect(wrongOf(document, 'app-0000')[0]?.detail).toMatch(/DIGEST_MISMATCH|TRANSFER_DAMAGED/);
    expect(wrongOf(document, 'app-0001')[0]?.detail).toContain('is gone');
    expect(wrongOf(document, 'app-0002')[0]?.detail).toContain('not sha256:');
  });

  test('documents that do not fit are found', async () => {
    const { migration, verify } = await imported();
    const paths = migrationPaths(migration.folder);
    await writeFile(paths.secrets('app-0000'), 'another file');
    await rm(paths.rollout('app-0001'));
    const other = await migration.rollout('app-0000');
    await writeFile(paths.rollout('app-0002'), JSON.stringify(other));
    const document = await verify();
    expect(wrongOf(document, 'app-0000').map(({ name }) => name)).toEqual(['secrets.age']);
    expect(wrongOf(document, 'app-0001').map(({ name }) => name)).toEqual(['rollout.json']);
    expect(wrongOf(document, 'app-0002').map(({ name }) => name)).toContain('rollout.json');
  });

  test('what went on at Heroku is drift, told without a value', async () => {
    const { migration, verify } = await imported();
    const world = deploy(migration.world(), 'app-0001', await makeSlugFile(7));
    const config = (app: (typeof world.apps)[number]) =>
      app.name === 'app-0002'
        ? { ...app.config, SECRET_KEY_BASE: 'changed-and-secret', NEW_SECRET: 'new-and-secret-value' }
        : app.config;
    migration.become({ ...world, apps: world.apps.map((app) => ({ ...app, config: config(app) })) });
    const document = await verify();
    expect(document.totals).toMatchObject({ verified: 1, drifted: 2, failed: 0 });
    expect(wrongOf(document, 'app-0001').map(({ name }) => name)).toEqual([
      'release at Heroku',
      'processes at Heroku',
    ]);
    expect(wrongOf(document, 'app-0002')).toEqual([
      {
        name: 'secrets at Heroku',
        ok: false,
        detail: 'NEW_SECRET is new there; SECRET_KEY_BASE has changed there',
      },
    ]);
    expect(JSON.stringify(document)).not.toContain('and-secret');
  });

  test('secrets that were left out are no drift', async () => {
    const { migration, verify } = await imported(1);
    await migration.run();
    expect((await verify()).totals).toMatchObject({ verified: 1 });
  });

  test('a token that is taken back in the middle is no drift of the apps', async () => {
    // Asked for by the plan, the import and then by this.
    const { verify } = await imported(1, {
      fault: (path, count) =>
        path.endsWith('/releases') && count > 2 ? { status: 401, body: '{}' } : undefined,
    });
    await expect(verify()).rejects.toMatchObject({ code: 'HEROKU_UNAUTHORIZED' });
  });

  test('without the key of their fingerprints nothing is said of secrets', async () => {
    const { migration, verify } = await imported(1);
    await rm(migrationPaths(migration.folder).key);
    expect(wrongOf(await verify(), 'app-0000')).toMatchObject([
      { detail: 'the key of their fingerprints is gone' },
    ]);
  });

  test('the command prints what does not hold, and its exit code says so', async () => {
    const { migration } = await imported();
    const build = async (...flags: readonly string[]) => {
      const { host, texts } = createFakeHost({
        arguments: ['heroku', 'verify', ...flags],
        environment: { HEROKU_API_KEY: KEY, HEROKU_API_URL: migration.api.url, DOGWOOD_HOME: migration.home },
        pipeline: { verifyMigration: async () => runVerify },
      });
      return { exitCode: await runProgram(host), texts };
    };
    const good = await build(migration.folder);
    expect([good.exitCode, good.texts.stdout.split('\n').at(-2)]).toEqual([
      0,
      '3 apps of an import: 3 verified',
    ]);
    migration.registry.repository('heroku/app-0001').tags.clear();
    const bad = await build(migration.folder, '--json');
    expect([bad.exitCode, JSON.parse(bad.texts.stdout).totals.failed]).toEqual([1, 1]);
    expect((await build(join(migration.folder, 'none'))).exitCode).toBe(1);
  });
});
