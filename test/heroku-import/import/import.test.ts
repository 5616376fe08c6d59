import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parseDogwoodToml } from '../../../src/plan/files/dogwood-toml.ts';
import { describeWith } from '../../helpers/engines.ts';
import type { Oddity } from '../../helpers/heroku/make-world.ts';
import { deploy, makeSlugFile, slugFileOf, startMigration } from '../../helpers/heroku/migration.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

describeWith(['gnutar'], 'an import', () => {
  test('every app with a slug becomes an image, named after it and its release', async () => {
    const migration = await startMigration({ apps: 6 });
    const { document } = await migration.run();
    expect(document.totals).toMatchObject({ apps: 6, imported: 6, failed: 0 });
    const [first] = document.apps;
    expect(first?.references[0]).toMatchObject({ region: null, state: 'available' });
    expect(first?.references[0]?.tag).toBe(`${migration.registry.host}/heroku/app-0000:v2`);
    const repository = migration.registry.repository('heroku/app-0000');
    expect([...repository.tags.keys()]).toEqual(['v2']);
  });

  test('a slug that several apps have is read once, and sent once', async () => {
    const migration = await startMigration({ apps: 6 });
    const { document } = await migration.run();
    const sizes = migration.files.map(({ size }) => size);
    expect([...migration.api.slugs.sentBytes.values()].reduce((a, b) => a + b, 0)).toBe(
      sizes.reduce((a, b) => a + b, 0),
    );
    expect(document.totals.slugBytesRead).toBe(sizes.reduce((a, b) => a + b, 0));
  });

  test('a second import of the same state moves nothing; a new release moves its slug only', async () => {
    const migration = await startMigration({ apps: 4 });
    await migration.run();
    const before = await migration.rollout('app-0001');
    const sent = migration.registry.receivedBytes();
    migration.registry.forget();
    const { document } = await migration.run();
    expect(document.totals).toMatchObject({ unchanged: 4, slugBytesRead: 0 });
    expect(migration.registry.receivedBytes()).toBe(0);
    expect(migration.registry.lines().every((line) => line.startsWith('HEAD '))).toBe(true);
    expect(migration.registry.lines()).toHaveLength(4);
    expect(await migration.rollout('app-0001')).toEqual(before);
    expect(sent).toBeGreaterThan(0);
  });

  test('a new release moves its slug only, and its document names the one before', async () => {
    const migration = await startMigration({ apps: 4 });
    await migration.run();
    const slug = await makeSlugFile(3);
    migration.become(deploy(migration.world(), 'app-0002', slug));
    migration.registry.forget();
    const { document } = await migration.run();
    expect(document.totals).toMatchObject({ imported: 1, unchanged: 3, slugBytesRead: slug.size });
    const small = 10_000;
    expect(migration.registry.receivedBytes()).toBeLessThan(slug.size + small);
    expect([...migration.registry.repository('heroku/app-0002').tags.keys()]).toEqual(['v2', 'v3']);
  });

  test('what is odd about an app is its own result, and the others are imported', async () => {
    const odd: readonly Oddity[] = [
      'none',
      'no-blob',
      'wrong-checksum',
      'no-slug',
      'no-checksum',
      'rolled-back',
    ];
    const migration = await startMigration({ apps: 6, oddity: (index) => odd[index] ?? 'none' });
    const { document } = await migration.run();
    expect(document.apps.map(({ status }) => status)).toEqual([
      'imported',
      'skipped',
      'failed',
      'skipped',
      'imported',
      'imported',
    ]);
    expect(await migration.result('app-0002')).toMatchObject({ code: 'SLUG_CHECKSUM' });
    expect(migration.registry.repository('heroku/app-0002').tags.size).toBe(0);
  });

  test('the day after and the cut-over are written; a missing file is written again', async () => {
    const migration = await startMigration({ apps: 1 });
    await migration.run();
    const written = await migration.read('app-0000', 'dogwood.toml');
    expect(parseDogwoodToml(written)).toMatchObject({
      user: { value: '20001:20001' },
      buildpacks: [{ value: 'heroku/nodejs' }],
      processes: { web: { value: 'bin/web' }, rake: { value: 'bin/rake' } },
      release: { value: { command: 'bin/release' } },
    });
    const { cutOver } = await migration.result('app-0000');
    expect(cutOver.map(({ title }: { title: string }) => title)).toContain(
      'Move the data of postgresql-app-0000',
    );
    await rm(join(migration.folder, 'apps/app-0000/dogwood.toml'));
    expect((await migration.run()).document.totals.imported).toBe(1);
    expect(await migration.read('app-0000', 'dogwood.toml')).toBe(written);
    expect((await migration.run()).document.totals.unchanged).toBe(1);
    expect((await migration.result('app-0000')).cutOver).toEqual(cutOver);
  });

  test('an address that has expired is asked for anew', async () => {
    let now = 1_800_000_000_000;
    // Every look at the clock is later than any address holds.
    const migration = await startMigration({
      apps: 2,
      api: {
        clock: () => now,
        slugLife: 1_000,
        onDocument: (schema) => {
          now += schema === 'formation' ? 5_000 : 0;
        },
      },
    });
    const { document } = await migration.run();
    expect(document.totals.imported).toBe(2);
  });

  test('a hostile slug that a registry has already is refused all the same', async () => {
    const hostile = await slugFileOf(await packHostile(), 9);
    const migration = await startMigration({ apps: 1, slugs: [hostile] });
    const bytes = await readFile(hostile.file);
    migration.registry.repository('heroku/app-0000').blobs.set(`sha256:${hostile.sha256}`, bytes);
    const { document } = await migration.run();
    expect(document.apps[0]).toMatchObject({ status: 'failed' });
    expect((await migration.result('app-0000')).code).toMatch(/^TAR_/);
    expect(migration.registry.repository('heroku/app-0000').manifests.size).toBe(0);
  });

  /** A member that leads out of the app's folder. */
  async function packHostile(): Promise<string> {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'app'));
    await writeFile(join(folder, 'app', 'evil'), 'x');
    await execa('tar', [
      '-C',
      folder,
      '-P',
      '--transform=s,evil,../../evil,',
      '-czf',
      join(folder, 'slug.tgz'),
      './app',
    ]);
    return join(folder, 'slug.tgz');
  }

  test('another machine reads a slug that the registry has, but does not send it again', async () => {
    const migration = await startMigration({ apps: 1 });
    await migration.run();
    migration.registry.forget();
    const elsewhere = await temporaryFolder();
    await rm(join(migration.folder, 'apps'), { recursive: true });
    const { document } = await migration.run({}, pipelineEnvironment(elsewhere));
    const [slug] = migration.files;
    expect(document.totals).toMatchObject({ imported: 1, slugBytesRead: slug?.size, uploadedBytes: 0 });
    expect(migration.registry.receivedBytes()).toBe(0);
  });

  test('an image that is gone from the registry, or a tag that was moved, is set right', async () => {
    const migration = await startMigration({ apps: 2 });
    await migration.run();
    const [first, second] = ['app-0000', 'app-0001'].map((app) =>
      migration.registry.repository(`heroku/${app}`),
    );
    const digest = first?.tags.get('v2') ?? '';
    first?.tags.clear();
    first?.manifests.clear();
    second?.tags.set('v2', `sha256:${'0'.repeat(64)}`);
    const { document } = await migration.run();
    expect(document.totals).toMatchObject({ imported: 2, slugBytesRead: 0 });
    expect(first?.tags.get('v2')).toBe(digest);
    expect(second?.manifests.has(second.tags.get('v2') ?? '')).toBe(true);
  });

  test('a slug without a checksum is known again by its id', async () => {
    const migration = await startMigration({ apps: 1, oddity: () => 'no-checksum' });
    await migration.run();
    migration.registry.forget();
    await rm(join(migration.folder, 'apps'), { recursive: true });
    const { document } = await migration.run();
    expect(document.totals).toMatchObject({ imported: 1, slugBytesRead: 0, uploadedBytes: 0 });
    expect(migration.registry.receivedBytes()).toBe(0);
  });
});
