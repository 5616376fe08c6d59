import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWith, engineOrThrow } from './engines.ts';
import { makeWorld, type Oddity, type SlugFile } from './heroku/make-world.ts';
import type { PlatformApiOptions } from './heroku/platform-api.ts';
import { readHerokuSchema } from './heroku/schema.ts';
import { startPlatformApi } from './heroku/start-platform-api.ts';
import type { HerokuApp, HerokuWorld } from './heroku/world.ts';
import { temporaryFolder } from './temp.ts';

const SDK = 'application/vnd.heroku+json; version=3.sdk';

async function slugFile(): Promise<SlugFile> {
  const file = join(await temporaryFolder(), 'slug.tgz');
  const bytes = Buffer.from('stands for a slug');
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file, sha256, size: bytes.length, processTypes: { web: 'node server.js', release: './migrate' } };
}

const world = async (apps: number): Promise<HerokuWorld> => makeWorld({ apps, slugs: [await slugFile()] });

async function start(options: Partial<PlatformApiOptions> & { world: () => HerokuWorld }) {
  const api = await startPlatformApi({ token: 'the-token', ...options });
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${api.url}${path}`, { headers: { accept: SDK, authorization: 'Bearer the-token', ...headers } });
  return { api, get };
}

const json = async (response: Response) => (await response.json()) as Record<string, unknown>;
const array = async (response: Response) => (await response.json()) as Record<string, unknown>[];

/** Every address of the API, for one app or for the account. */
const ACCOUNT_PATHS = [
  '/account',
  '/teams',
  '/apps',
  '/users/~/apps',
  '/addons',
  '/addon-attachments',
].concat(['/pipelines', '/pipeline-couplings', '/spaces', '/dyno-sizes']);
const APP_PARTS = [
  '',
  '/releases',
  '/releases/1',
  '/config-vars',
  '/config-vars-settings',
  '/formation',
].concat(
  ['/domains', '/sni-endpoints', '/log-drains', '/webhooks', '/features', '/collaborators'],
  ['/buildpack-installations', '/telemetry-drains'],
);

const CHECKED = [
  'account',
  'add-on',
  'add-on-attachment',
  'app',
  'app-feature',
  'app-webhook/definitions/app_webhook',
  'buildpack-installation',
  'collaborator',
  'config-var/definitions/config_vars',
  'config-vars-settings',
  'domain',
  'dyno-size',
  'formation',
  'log-drain',
  'oci-image',
  'pipeline',
  'pipeline-coupling',
  'release',
  'slug',
  'sni-endpoint',
  'team',
  'team-app',
];

describeWith(['heroku-schema'], 'the published schema', () => {
  test('accepts every document that the stand-in answers', async () => {
    const schema = readHerokuSchema(engineOrThrow('heroku-schema'));
    const seen = new Map<string, number>();
    const faults: string[] = [];
    const made = await world(120);
    const { get } = await start({
      world: () => made,
      onDocument(definition, document) {
        seen.set(definition, (seen.get(definition) ?? 0) + 1);
        faults.push(...schema.faults(definition, document));
      },
    });
    for (const path of ACCOUNT_PATHS) expect((await get(path)).ok, path).toBe(true);
    for (const team of made.teams) expect((await get(`/teams/${team.name}/apps`)).ok).toBe(true);
    for (const app of made.apps.filter(({ access }) => access === 'full')) {
      for (const part of APP_PARTS) expect((await get(`/apps/${app.name}${part}`)).ok, part).toBe(true);
      for (const slug of app.slugs) expect((await get(`/apps/${app.name}/slugs/${slug.id}`)).ok).toBe(true);
      for (const image of app.ociImages) {
        expect((await get(`/apps/${app.id}/oci-images/${image.id}`)).ok).toBe(true);
      }
    }
    expect([...new Set(faults)]).toEqual([]);
    // Telemetry drains and spaces are empty lists here: never answered, so never checked.
    expect([...seen.keys()].sort()).toEqual(CHECKED);
  });

  test('refuses a document that is wrong', () => {
    const schema = readHerokuSchema(engineOrThrow('heroku-schema'));
    expect(schema.faults('slug', { id: 'no uuid' })).not.toEqual([]);
    expect(schema.faults('slug', { surprise: true })).not.toEqual([]);
    expect(schema.faults('formation', { type: 'web', quantity: '2' })).not.toEqual([]);
  });
});

test('a world is the same each time, with every oddity in one of 300 apps', async () => {
  const slugs = [await slugFile()];
  const made = makeWorld({ apps: 300, slugs });
  expect(made).toEqual(makeWorld({ apps: 300, slugs }));
  const currentOf = ({ releases }: HerokuApp) => releases.find(({ current }) => current);
  const checksums = (app: HerokuApp) => app.slugs.map(({ checksum }) => checksum);
  const wrong = `SHA256:${'0'.repeat(64)}`;
  const signs: Record<Exclude<Oddity, 'none'>, (app: HerokuApp) => boolean> = {
    'failed-latest': ({ releases }) => releases.at(-1)?.status === 'failed',
    'rolled-back': ({ releases }) => releases.at(-1)?.description === 'Rollback to v2',
    'no-slug': (app) => app.releases.length === 1 && currentOf(app)?.slug === null,
    container: ({ stack }) => stack === 'container',
    fir: (app) => currentOf(app)?.ociImage !== null,
    locked: ({ access, team }) => access === 'locked' && team !== undefined,
    'no-checksum': (app) => checksums(app).includes(null),
    'wrong-checksum': (app) => checksums(app).includes(wrong),
    'no-blob': (app) => app.slugs.some(({ file }) => file === undefined),
    maintenance: ({ maintenance }) => maintenance,
  };
  const found = Object.entries(signs).map(([name, sign]) => [name, made.apps.filter(sign).length]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(Object.keys(signs).map((name) => [name, 3])));
});

test('lists come in pages, by the Next-Range they name', async () => {
  const made = await world(45);
  const { get } = await start({ world: () => made });
  const names: unknown[] = [];
  let range: string | undefined = 'name ..; max=10';
  const statuses: number[] = [];
  while (range !== undefined) {
    const response: Response = await get('/apps', { range });
    statuses.push(response.status);
    names.push(...(await array(response)).map(({ name }) => name));
    range = response.headers.get('next-range') ?? undefined;
  }
  const wanted = made.apps.filter(({ access }) => access === 'full').map(({ name }) => name);
  expect(names).toEqual(wanted);
  expect(statuses).toEqual([206, 206, 206, 206, 200]);
  const newest = await get(`/apps/${made.apps[0]?.name}/releases`, {
    range: 'version ..; order=desc, max=1',
  });
  expect((await array(newest)).map(({ version }) => version)).toEqual([2]);
  expect((await get('/apps', { range: 'size ..' })).status).toBe(416);
});

test('the rate limit is counted, told and refilled', async () => {
  let now = 0;
  const made = await world(2);
  const { get } = await start({ world: () => made, clock: () => now, rateLimit: { size: 2, refill: 60 } });
  expect((await get('/apps')).headers.get('ratelimit-remaining')).toBe('1');
  await get('/apps');
  const refused = await get('/apps');
  expect([refused.status, (await json(refused)).id]).toEqual([429, 'rate_limit']);
  expect(await json(await get('/account/rate-limits'))).toEqual({ remaining: 0 });
  now = 1000;
  expect((await get('/apps')).status).toBe(200);
});

test('who may not see something is told why', async () => {
  const made = makeWorld({
    apps: 12,
    slugs: [await slugFile()],
    oddity: (i) => (i === 5 ? 'locked' : 'none'),
  });
  const { get, api } = await start({ world: () => made });
  expect((await get('/apps', { authorization: 'Bearer wrong' })).status).toBe(401);
  expect((await get('/apps', { accept: 'application/json' })).status).toBe(404);
  expect((await json(await get('/apps/app-0005/releases'))).id).toBe('forbidden');
  expect((await get('/apps/nobody')).status).toBe(404);
  const post = await fetch(`${api.url}/apps`, {
    method: 'POST',
    headers: { accept: SDK, authorization: 'Bearer the-token' },
  });
  expect(post.status).toBe(405);
  const narrow = await start({ world: () => made, scope: 'read' });
  expect((await narrow.get('/apps/app-0000/config-vars')).status).toBe(403);
  expect((await narrow.get('/apps/app-0000')).status).toBe(200);
  const second = await start({ world: () => made, twoFactor: true });
  expect((await json(await second.get('/apps'))).id).toBe('two_factor');
});

test('a slug is read through a signed address that holds for a while, in parts if wanted', async () => {
  let now = 1_000_000;
  const made = await world(1);
  const { get, api } = await start({ world: () => made, clock: () => now, slugLife: 5_000 });
  const id = made.apps[0]?.slugs[0]?.id ?? '';
  const { blob } = (await json(await get(`/apps/app-0000/slugs/${id}`))) as { blob: { url: string } };
  expect(await (await fetch(blob.url)).text()).toBe('stands for a slug');
  expect(await (await fetch(blob.url, { headers: { range: 'bytes=13-' } })).text()).toBe('slug');
  expect((await fetch(blob.url, { headers: { authorization: 'Bearer the-token' } })).status).toBe(400);
  expect((await fetch(blob.url.replace('Expires=1', 'Expires=2'))).status).toBe(403);
  now += 5_001;
  expect((await fetch(blob.url)).status).toBe(403);
  expect(api.slugs.sentBytes.get(id)).toBe(21);
});

test('a fault stands in for the answer', async () => {
  const made = await world(1);
  const { get } = await start({
    world: () => made,
    fault: (_path, count) =>
      count === 1 ? { status: 503, body: '<html>' } : count === 2 ? 'cut' : undefined,
  });
  expect((await get('/apps')).status).toBe(503);
  await expect(get('/apps')).rejects.toThrow();
  expect((await get('/apps')).status).toBe(200);
});
