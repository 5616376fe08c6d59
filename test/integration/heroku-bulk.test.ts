import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { makeWorld, type SlugFile } from '../helpers/heroku/make-world.ts';
import { makeSlugFile } from '../helpers/heroku/migration.ts';
import { startPlatformApi } from '../helpers/heroku/platform-api.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { seeded } from '../helpers/seeded.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const APPS = 300;
const KILLS = 20;
const TOKEN = 'HRKU-1234567890';
const SEED = Number(process.env.DOGWOOD_KILL_SEED ?? 6);
/** Slugs that differ; apps share them, as stages of a pipeline do. */
const SLUGS = 12;

/** What an import leaves behind, without what no two runs share: times, and ciphertext. */
async function endState(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const apps = (await readdir(join(folder, 'apps'))).sort();
  const states = await Promise.all(
    apps.map(async (app) => {
      const read = async (name: string) =>
        await readFile(join(folder, 'apps', app, name), 'utf8').catch(() => undefined);
      const [result, rollout, project] = await Promise.all([
        read('result.json'),
        read('rollout.json'),
        read('dogwood.toml'),
      ]);
      const { status, release, images, secrets, notCarried, fingerprint } = JSON.parse(result ?? '{}');
      const digests = images.map(({ digest }: { digest: string }) => digest);
      const settled = status === 'unchanged' ? 'imported' : status;
      const document = rollout === undefined ? undefined : JSON.parse(rollout);
      if (document !== undefined) {
        document.identity.createdAt = '';
        if (document.config.ciphertext !== null) document.config.ciphertext.digest = '';
      }
      return [app, { settled, release, digests, secrets, notCarried, fingerprint, document, project }];
    }),
  );
  return Object.fromEntries(states);
}

describeWith(['gnutar', 'registry'], `${APPS} apps into a real registry`, () => {
  const key = randomBytes(32);
  let registry: RunningRegistry;
  let slugs: readonly SlugFile[];

  beforeAll(async () => {
    slugs = await Promise.all(Array.from({ length: SLUGS }, (_, index) => makeSlugFile(index)));
  }, 120_000);
  afterAll(() => registry?.stop());

  /** The same account into an empty registry at the same address, with the same key: what differs is what happens. */
  async function start() {
    const port = registry?.port;
    await registry?.stop();
    registry = await startRegistry({ kind: 'distribution3', ...(port === undefined ? {} : { port }) });
    const world = makeWorld({ apps: APPS, slugs });
    // A bucket that runs dry, and fills again while one waits.
    const rateLimit = { size: 1_500, refill: 60_000 };
    const api = await startPlatformApi({ world: () => world, token: TOKEN, rateLimit, slugLife: 2_000 });
    const home = await temporaryFolder();
    const folder = join(await temporaryFolder(), 'migration');
    const env = { HEROKU_API_KEY: TOKEN, HEROKU_API_URL: api.url };
    const command = (...words: readonly string[]) => startCommand(['heroku', ...words], { home, env });
    const planned = await command('plan', '--out', folder, '--all');
    expect(planned.stderr, String(planned.exitCode)).toContain('app-0299');
    const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
    const to = `${registry.host}/heroku`;
    await writeFile(join(folder, 'fingerprint.key'), key, { mode: 0o600 });
    const flags = ['--to', to, '--recipient', recipient, '--base', 'heroku-24=scratch', '--json'];
    return { api, folder, run: () => command('import', folder, ...flags, '--progress', 'json') };
  }

  test(`killed at ${KILLS} random moments (seed ${SEED}) and resumed, they end as if nothing had been`, async () => {
    const calm = await start();
    const began = performance.now();
    const undisturbed = await calm.run();
    const took = performance.now() - began;
    const wanted = await endState(calm.folder);
    expect(undisturbed.exitCode, undisturbed.stderr.slice(-2000)).toBe(1);
    const chance = seeded(SEED);
    const rough = await start();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = rough.run();
      const timer = setTimeout(() => child.kill('SIGKILL'), 200 + chance.number() * (took / 4));
      await child;
      clearTimeout(timer);
    }
    const last = await rough.run();
    expect(last.exitCode, last.stderr.slice(-2000)).toBe(1);
    expect(await endState(rough.folder)).toEqual(wanted);
  }, 600_000);
});
