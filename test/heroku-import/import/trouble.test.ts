import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { readJournal } from '../../../src/heroku-import/folder/journal.ts';
import { migrationPaths } from '../../../src/heroku-import/folder/migration-folder.ts';
import { parseImportDestination } from '../../../src/heroku-import/images/destinations.ts';
import { tryLock } from '../../../src/oci/stores/file-lock.ts';
import { describeWith } from '../../helpers/engines.ts';
import { deploy, makeSlugFile, startMigration } from '../../helpers/heroku/migration.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';

describeWith(['gnutar'], 'an import in trouble', () => {
  test('a region that is dead fails its copies only, and the next import mends them', async () => {
    const migration = await startMigration({ apps: 2 });
    const far = await quirkRegistry({ quirks: { noCreate: true } });
    const destinations = [`near=${migration.registry.host}/heroku`, `far=${far.host}/heroku`].map(
      parseImportDestination,
    );
    const first = await migration.run({ destinations });
    expect(
      first.document.apps.map(({ status, references }) => [status, references.map(({ state }) => state)]),
    ).toEqual([
      ['failed', ['available', 'failed']],
      ['failed', ['available', 'failed']],
    ]);
    const { image } = await migration.rollout('app-0000');
    expect(
      image.locations.map(({ region, state }: { region: string; state: string }) => [region, state]),
    ).toEqual([
      ['near', 'available'],
      ['far', 'failed'],
    ]);
    far.become({});
    const read = migration.api.slugs.sentBytes.size;
    const second = await migration.run({ destinations });
    expect(second.document.totals).toMatchObject({ imported: 2, slugBytesRead: 0 });
    expect(migration.api.slugs.sentBytes.size).toBe(read);
    expect((await migration.rollout('app-0000')).identity).toMatchObject({ revision: 2 });
  });

  test('an import that is called off goes on where it was', async () => {
    const migration = await startMigration({ apps: 6 });
    const stop = new AbortController();
    let done = 0;
    const environment = pipelineEnvironment(migration.home, {
      signal: stop.signal,
      emit: (event) => {
        environment.events.push(event);
        done += event.type === 'task' && event.state === 'finished' ? 1 : 0;
        if (done === 2) stop.abort(new DogwoodError('CANCELLED', 'stopped'));
      },
    });
    await expect(migration.run({ concurrency: 1 }, environment)).rejects.toMatchObject({ code: 'CANCELLED' });
    const notes = environment.events.flatMap((event) => (event.type === 'note' ? event.message : []));
    expect(notes.at(-1)).toBe('2 of 6 apps are done; the same command goes on from there');
    const before = migration.api.requests.length;
    const { document } = await migration.run({ concurrency: 1 });
    expect(document.totals.imported).toBe(6);
    // Six lists, and ten calls for each of the four that are left.
    const lists = migration.api.requests.slice(before).filter(({ url }) => !/^\/apps\/./.test(url));
    expect(migration.api.requests.length - before - lists.length).toBe(4 * 10);
    const entries = await readJournal(migrationPaths(migration.folder).journal);
    expect(new Set(entries.map(({ run }) => run)).size).toBe(1);
  });

  test('a dry run says what an import would do, and writes nothing', async () => {
    const migration = await startMigration({ apps: 3 });
    migration.become(deploy(migration.world(), 'app-0001', await makeSlugFile(5)));
    const before = await readdir(migration.folder);
    const { document } = await migration.run({ isDryRun: true });
    expect(document.apps.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('an import would move it: the slug of v2'),
      expect.stringContaining('an import would move it: the slug of v3'),
      expect.stringContaining('an import would move it: the slug of v2'),
    ]);
    expect(await readdir(migration.folder)).toEqual(before);
    expect(migration.registry.requests).toEqual([]);
    expect(migration.api.slugs.sentBytes.size).toBe(0);
  });

  test('what changed at Heroku since the plan is reported, and the state of the moment is taken', async () => {
    const migration = await startMigration({ apps: 2 });
    migration.become(deploy(migration.world(), 'app-0001', await makeSlugFile(5)));
    await migration.run();
    expect(await migration.result('app-0001')).toMatchObject({
      release: 3,
      drift: ['its release was 2, and is 3', expect.stringContaining('its slug was'), expect.anything()],
    });
    expect((await migration.result('app-0000')).drift).toEqual([]);
  });

  test('an app that is gone, and trouble that passes, end no run', async () => {
    const gone = 2;
    const migration = await startMigration({
      apps: 4,
      api: {
        fault: (path, count) =>
          path.endsWith('/formation') && count === 2
            ? { status: 503, body: 'no JSON at all', headers: { 'retry-after': '0' } }
            : undefined,
      },
    });
    const world = migration.world();
    const apps = world.apps.filter((_, index) => index !== gone);
    const names = new Set(apps.map(({ name }) => name));
    const addons = world.addons.filter(({ app }) => names.has(app));
    const pipelines = world.pipelines.filter(({ couplings }) => couplings.every(({ app }) => names.has(app)));
    migration.become({ ...world, apps, addons, pipelines });
    const { document } = await migration.run();
    expect(document.apps.map(({ status }) => status)).toEqual(['imported', 'imported', 'failed', 'imported']);
    expect((await migration.result('app-0002')).code).toBe('HEROKU_NOT_FOUND');
  });

  test('a token that is no good any more ends the run, and nothing is lost', async () => {
    const migration = await startMigration({ apps: 3 });
    await expect(migration.run({ token: 'another-token' })).rejects.toMatchObject({
      code: 'HEROKU_UNAUTHORIZED',
    });
    expect((await migration.run()).document.totals.imported).toBe(3);
  });

  test('the token goes to the API and nowhere else', async () => {
    const migration = await startMigration({ apps: 2 });
    await migration.run();
    const seen = migration.registry.requests.map(({ headers }) => JSON.stringify(headers)).join();
    expect(seen).not.toContain('a-token');
    // The slug store refuses requests that carry a token (400), as S3 does: the slugs came all the same.
    expect(migration.api.slugs.sentBytes.size).toBeGreaterThan(0);
  });

  test('one import at a time, and only into a folder with a plan', async () => {
    const migration = await startMigration({ apps: 1 });
    const lock = tryLock(migrationPaths(migration.folder).lock);
    await expect(migration.run()).rejects.toMatchObject({ code: 'MIGRATION_BUSY' });
    lock?.release();
    const folder = join(migration.folder, 'elsewhere');
    await expect(migration.run({ folder })).rejects.toMatchObject({ code: 'MIGRATION_PLAN_MISSING' });
    for (const damaged of [
      '{',
      '{"schemaVersion":2}',
      '{"schemaVersion":1,"api":"x","apps":[{"app":"../../x"}]}',
    ]) {
      await writeFile(migrationPaths(migration.folder).plan, damaged);
      await expect(migration.run()).rejects.toMatchObject({ code: 'MIGRATION_PLAN_INVALID' });
    }
  });

  test('what a killed import had begun to write is swept away', async () => {
    const migration = await startMigration({ apps: 1 });
    await migration.run();
    const torn = join(migrationPaths(migration.folder).app('app-0000'), 'rollout.json.123.new');
    await writeFile(torn, '{"half":');
    await migration.run();
    await expect(readFile(torn)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a token that is taken back in the middle stops the run at once', async () => {
    const migration = await startMigration({
      apps: 30,
      api: {
        fault: (path, count) =>
          /releases$/.test(path) && count > 1 ? { status: 401, body: '{}' } : undefined,
      },
    });
    const before = migration.api.requests.length;
    await expect(migration.run({ concurrency: 2 })).rejects.toMatchObject({ code: 'HEROKU_UNAUTHORIZED' });
    // Five lists, and the apps that were under way.
    expect(migration.api.requests.length - before).toBeLessThan(5 + 4);
  });
});
