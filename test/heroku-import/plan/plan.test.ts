import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Selection } from '../../../src/heroku-import/account/account.ts';
import { runPlan } from '../../../src/heroku-import/plan/run-plan.ts';
import { makeWorld, SECRET_MARK } from '../../helpers/heroku/make-world.ts';
import { startPlatformApi } from '../../helpers/heroku/start-platform-api.ts';
import type { HerokuWorld } from '../../helpers/heroku/world.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const SLUG = {
  file: '/none',
  sha256: 'ab'.repeat(32),
  size: 5000,
  processTypes: { web: 'node x', release: 'go', rake: 'r' },
};
const NOBODY: Selection = { all: false, teams: [], pipelines: [], apps: [] };

async function plan(world: HerokuWorld, selection: Partial<Selection>) {
  const api = await startPlatformApi({ world: () => world, token: 'a-token' });
  const folder = join(await temporaryFolder(), 'deep', 'migration');
  const environment = pipelineEnvironment(await temporaryFolder());
  const document = await runPlan(
    {
      folder,
      selection: { ...NOBODY, ...selection },
      address: api.url,
      token: 'a-token',
      now: () => new Date(0),
    },
    environment,
  );
  return { document, api, folder };
}

const world = (apps: number) => makeWorld({ apps, slugs: [SLUG] });

test('every app is in the plan once, with what becomes of it, in as few calls as that takes', async () => {
  const made = world(120);
  const { document, api, folder } = await plan(made, { all: true });
  expect(document.apps.map(({ app }) => app)).toEqual(made.apps.map(({ name }) => name));
  // 12 odd apps: ten kinds in turn, the first two twice.
  expect(document.totals.byFate).toEqual({ slug: 115, container: 1, fir: 1, nothing: 2, closed: 1 });
  expect(document.totals.slugBytes).toBe(3 * 5000);
  const open = made.apps.filter(({ access }) => access === 'full').length;
  const slugs = made.apps.filter(
    ({ releases, access }) => access === 'full' && releases.some((one) => one.slug && one.current),
  ).length;
  // Lists: add-ons, attachments, pipelines, couplings, apps, teams, three teams; 9 calls an app and its slug.
  expect(api.requests.length).toBe(9 + 9 * open + slugs);
  expect(JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8'))).toEqual(document);
  expect((await stat(join(folder, 'plan.json'))).mode & 0o777).toBe(0o600);
});

test('the release that runs is taken, not the newest', async () => {
  const made = makeWorld({
    apps: 2,
    slugs: [SLUG],
    oddity: (index) => (index === 0 ? 'failed-latest' : 'rolled-back'),
  });
  const { document } = await plan(made, { all: true });
  expect(document.apps.map(({ release }) => release)).toEqual([2, 4]);
});

test('a release beyond the newest twenty is found', async () => {
  const made = world(1);
  const [app] = made.apps;
  if (app === undefined) throw new Error('no app');
  const failed = Array.from({ length: 30 }, (_, i) => ({
    ...app.releases[0],
    version: 3 + i,
    status: 'failed',
    current: false,
  }));
  const odd = { ...app, releases: [...app.releases, ...failed] } as typeof app;
  const { document } = await plan({ ...made, apps: [odd] }, { all: true });
  expect(document.apps[0]?.release).toBe(2);
});

test('processes are services, the release command and one-off commands', async () => {
  const { document } = await plan(world(1), { apps: ['app-0000'] });
  expect(document.apps[0]?.processes).toEqual([
    { name: 'web', command: 'node x', kind: 'service', replicas: 2, dynoSize: 'Standard-2X', memory: 1024 },
    { name: 'release', command: 'go', kind: 'release', replicas: 0, dynoSize: null, memory: null },
    { name: 'rake', command: 'r', kind: 'one-off', replicas: 0, dynoSize: null, memory: null },
  ]);
});

test('apps are chosen by name, team and pipeline', async () => {
  const made = world(12);
  const names = async (selection: Partial<Selection>) =>
    (await plan(made, selection)).document.apps.map(({ app }) => app);
  expect(await names({ apps: ['app-0003', 'app-0001'] })).toEqual(['app-0001', 'app-0003']);
  const several = ['app-0001', 'app-0002', 'app-0003', 'app-0005', 'app-0006'];
  expect(await names({ apps: several })).toEqual(several);
  expect(await names({ pipelines: ['pipeline-0'] })).toEqual(['app-0000', 'app-0001']);
  const team = made.apps.filter((app) => app.team === 'team-2').map(({ name }) => name);
  expect(await names({ teams: ['team-2'] })).toEqual(team);
});

test.each([
  [{ apps: ['nobody'] }],
  [{ apps: ['a', 'b', 'c', 'd'] }],
  [{ teams: ['no-team'] }],
  [{ pipelines: ['none'] }],
])('%j is not found', async (selection) => {
  await expect(plan(world(2), selection)).rejects.toMatchObject({ code: 'HEROKU_NOT_FOUND' });
});

test('what is left behind is listed with what to do, across apps that share it', async () => {
  const { document } = await plan(world(20), { all: true });
  const whatsOf = (name: string) =>
    document.apps.find(({ app }) => app === name)?.notCarried.map(({ what, why }) => `${what}: ${why}`) ?? [];
  expect(whatsOf('app-0000').map((text) => text.split(':')[0])).toEqual([
    'add-on postgresql-app-0000 (heroku-postgresql',
    'domain www.app-0000.example.com',
    'certificate of www.app-0000.example.com',
    'log drain to logs.example.com',
    '1 webhook(s)',
    '1 collaborator(s)',
    'pipeline pipeline-0 (staging)',
  ]);
  expect(whatsOf('app-0008').find((text) => text.startsWith('add-on'))).toContain('app-0009 uses it too');
});

test('a locked app and one that goes away meanwhile are results, not failures', async () => {
  const made = makeWorld({ apps: 8, slugs: [SLUG], oddity: (index) => (index === 2 ? 'locked' : 'none') });
  const api = await startPlatformApi({
    world: () => made,
    token: 'a-token',
    fault: (path) =>
      path.includes(made.apps[3]?.id ?? '-')
        ? { status: 404, body: '{"id":"not_found","message":"gone"}' }
        : undefined,
  });
  const folder = join(await temporaryFolder(), 'm');
  const environment = pipelineEnvironment(await temporaryFolder());
  const selection = { ...NOBODY, all: true };
  const document = await runPlan(
    { folder, selection, address: api.url, token: 'a-token', now: () => new Date(0) },
    environment,
  );
  const closed = document.apps.filter(({ fate }) => fate === 'closed').map(({ app }) => app);
  expect(closed).toEqual(['app-0002', 'app-0003']);
});

test('no secret is in the plan', async () => {
  const { document, folder } = await plan(world(40), { all: true });
  expect(document.totals.secrets).toBeGreaterThan(40);
  const text = await readFile(join(folder, 'plan.json'), 'utf8');
  expect(text).not.toContain(SECRET_MARK);
  expect(text).not.toContain('Signature');
  expect(text).not.toContain('a-token');
});

test('a folder that cannot be written is told before anything is asked', async () => {
  const made = world(1);
  const api = await startPlatformApi({ world: () => made, token: 'a-token' });
  const environment = pipelineEnvironment(await temporaryFolder());
  const options = {
    selection: { ...NOBODY, all: true },
    address: api.url,
    token: 'a-token',
    now: () => new Date(0),
  };
  const run = runPlan({ ...options, folder: '/dev/null/m' }, environment);
  await expect(run).rejects.toMatchObject({ code: 'MIGRATION_FOLDER_UNUSABLE' });
  expect(api.requests).toEqual([]);
});
