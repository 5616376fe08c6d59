import { expect, test } from 'vitest';
import { parseImportDestination } from '../../../src/heroku-import/images/destinations.ts';
import { describeWith } from '../../helpers/engines.ts';
import { makeSlugFile, startMigration } from '../../helpers/heroku/migration.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage, tarOf } from '../../helpers/small-image.ts';

const TOKEN = 'HRKU-container-1';

/** Heroku's registry, with the token as anybody's password, and an account of one app on the container stack. */
async function start(oddity: 'container' | 'fir' = 'container') {
  const heroku = await quirkRegistry({ auth: { kind: 'basic', users: { _: TOKEN } } });
  const make = async (text: string) =>
    await putSmallImage(heroku.target('app-0000/web'), {
      layers: [await tarOf({ 'app/release': text })],
      config: { config: { User: '1000:1000', Cmd: ['/app/run'] } },
    });
  const released = await make('released');
  const newer = await make('pushed since, and not released');
  const migration = await startMigration({
    apps: 1,
    slugs: [await makeSlugFile(1)],
    token: TOKEN,
    oddity: () => oddity,
    images: [released.config.digest],
  });
  const run = (more: object = {}) => migration.run({ registry: heroku.host, ...more });
  const tags = heroku.repository('app-0000/web').tags;
  return { heroku, migration, run, tags, released, newer };
}

describeWith(['gnutar'], 'apps whose images are copied', () => {
  test('the image that runs is copied byte for byte, not the one that latest names', async () => {
    const { migration, run, tags, released, newer } = await start();
    tags.set('latest', newer.descriptor.digest);
    tags.set('v1', released.descriptor.digest);
    const { document } = await run();
    expect(document.totals).toMatchObject({ imported: 1 });
    const copy = migration.registry.repository('heroku/app-0000/web');
    expect(Object.fromEntries(copy.tags)).toEqual({ v2: released.descriptor.digest });
    const result = await migration.result('app-0000');
    expect(result.images).toMatchObject([
      { process: 'web', digest: released.descriptor.digest, user: '1000:1000' },
    ]);
    expect(result.slugBytesRead).toBeGreaterThan(0);
    const rollout = await migration.rollout('app-0000');
    expect(rollout.processes.web.image.digest).toBe(released.descriptor.digest);
    expect(rollout.processes.web.args).toBeUndefined();
  });

  test('the second time nothing moves', async () => {
    const { heroku, migration, run, tags, released } = await start();
    tags.set('latest', released.descriptor.digest);
    await run();
    heroku.forget();
    migration.registry.forget();
    const { document } = await run();
    expect(document.totals).toMatchObject({ unchanged: 1, slugBytesRead: 0 });
    expect(heroku.requests).toEqual([]);
    expect(migration.registry.lines()).toEqual([expect.stringMatching(/^HEAD /)]);
  });

  test('several regions get their copy of what was fetched once', async () => {
    const { heroku, migration, run, tags, released } = await start();
    tags.set('latest', released.descriptor.digest);
    const far = await quirkRegistry();
    const destinations = [`near=${migration.registry.host}/h`, `far=${far.host}/h`].map(
      parseImportDestination,
    );
    const { document } = await run({ destinations });
    expect(document.apps[0]?.references.map(({ state }) => state)).toEqual(['available', 'available']);
    const blobs = heroku.lines().filter((line) => /^GET .*blobs/.test(line));
    // Config to look at, and config and layer to copy.
    expect(blobs.length).toBeLessThanOrEqual(3);
    expect(far.repository('h/app-0000/web').tags.get('v2')).toBe(released.descriptor.digest);
  });

  test('a released image that no tag names any more is told, with what to do', async () => {
    const { migration, run, tags, newer } = await start();
    tags.set('latest', newer.descriptor.digest);
    const { document } = await run();
    expect(document.totals.failed).toBe(1);
    expect(await migration.result('app-0000')).toMatchObject({ code: 'HEROKU_IMAGE_GONE', images: [] });
  });

  test('an app comes whole or not at all, and a process that runs nowhere needs no image', async () => {
    const { migration, run, tags, released } = await start();
    tags.set('latest', released.descriptor.digest);
    const world = migration.world();
    const [app] = world.apps;
    const [web] = app?.formation ?? [];
    if (app === undefined || web === undefined) throw new Error('no app');
    const besides = (...more: readonly object[]) => ({
      ...world,
      apps: [{ ...app, formation: [web, ...more.map((one) => ({ ...web, ...one }))] }],
    });
    migration.become(besides({ type: 'worker' }));
    const missing = await run();
    expect(missing.document.totals.failed).toBe(1);
    expect(migration.registry.repository('heroku/app-0000/web').tags.size).toBe(0);
    migration.become(besides({ type: 'old', quantity: 0, dockerImage: undefined }));
    const whole = await run();
    expect(whole.document.totals.imported).toBe(1);
    expect((await migration.result('app-0000')).warnings).toContainEqual(
      expect.stringContaining('process old'),
    );
  });

  test('the token is given to no registry that was not named', async () => {
    const { migration, run, tags, released } = await start();
    tags.set('latest', released.descriptor.digest);
    const nobody = await run({ registry: undefined });
    expect(nobody.document.totals.failed).toBe(1);
    expect((await migration.result('app-0000')).code).toBe('HEROKU_REGISTRY_UNKNOWN');
    const wrong = await quirkRegistry({ auth: { kind: 'basic', users: { _: 'another-token' } } });
    const refused = await run({ registry: wrong.host });
    expect(refused.document.apps[0]?.reason).not.toContain(TOKEN);
    expect((await migration.result('app-0000')).code).toMatch(/^REGISTRY_/);
    expect(JSON.stringify(migration.registry.requests.map(({ headers }) => headers))).not.toContain(
      Buffer.from(`_:${TOKEN}`).toString('base64'),
    );
  });

  test('a Fir app is reported, and copied from a registry that is named', async () => {
    const { migration, run } = await start('fir');
    const reported = await run();
    expect(reported.document.apps[0]).toMatchObject({
      status: 'skipped',
      reason: expect.stringContaining('Fir'),
    });
    const fir = await quirkRegistry();
    const [app] = migration.world().apps;
    const [image] = app?.ociImages ?? [];
    if (app === undefined || image === undefined) throw new Error('no Fir app');
    const made = await putSmallImage(fir.target(image.repository), {
      platform: { os: 'linux', architecture: 'arm64' },
    });
    migration.become({
      ...migration.world(),
      apps: [{ ...app, ociImages: [{ ...image, digest: made.descriptor.digest }] }],
    });
    const { document } = await run({ firRegistry: fir.host });
    expect(document.totals.imported).toBe(1);
    const rollout = await migration.rollout('app-0000');
    expect(rollout.image).toMatchObject({
      digest: made.descriptor.digest,
      platforms: [{ os: 'linux', architecture: 'arm64' }],
    });
    expect(rollout.processes.web).toMatchObject({ command: ['/cnb/process/web'] });
  });
});
