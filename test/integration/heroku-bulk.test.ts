import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { makeWorld, SECRET_MARK, type SlugFile } from '../helpers/heroku/make-world.ts';
import { makeSlugFile } from '../helpers/heroku/migration.ts';
import { type PlatformApi, startPlatformApi } from '../helpers/heroku/start-platform-api.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { seeded } from '../helpers/seeded.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const APPS = 300;
const KILLS = 20;
const TOKEN = 'HRKU-1234567890';
/** Apps on their way at once, calls that each takes, calls of the lists. */
const AT_ONCE = 4;
const CALLS_OF_AN_APP = 11;
const LIST_CALLS = 6;
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

/** Files below a folder that hold a text. */
async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const found = await execa('grep', ['-rlaF', text, folder], { reject: false });
  if (found.exitCode === 1) return [];
  if (found.exitCode !== 0) throw new Error(found.stderr);
  return found.stdout.split('\n');
}

/** Kills an import some milliseconds after it has told of so many apps that are done. */
async function killWhen(child: ReturnType<typeof startCommand>, apps: number, later: number): Promise<void> {
  let done = 0;
  child.stderr.on('data', (chunk: Buffer) => {
    done += String(chunk).split(/"type":"task".*"state":"(?:finished|cached|failed)"/).length - 1;
    if (done >= apps) setTimeout(() => child.kill('SIGKILL'), later);
  });
  expect((await child).signal).toBe('SIGKILL');
}

const bytesOf = ({ slugs }: PlatformApi): number =>
  [...slugs.sentBytes.values()].reduce((sum, bytes) => sum + bytes, 0);

describeWith(['gnutar', 'registry'], `${APPS} apps into a real registry`, () => {
  const key = randomBytes(32);
  let identity: string;
  let recipient: string;
  let registry: RunningRegistry;
  let slugs: readonly SlugFile[];

  beforeAll(async () => {
    identity = await generateIdentity();
    recipient = await identityToRecipient(identity);
    slugs = await Promise.all(Array.from({ length: SLUGS }, (_, index) => makeSlugFile(index)));
  }, 120_000);
  afterAll(() => registry?.stop());

  /** The same account into an empty registry at the same address, with the same key: what differs is what happens. */
  async function start() {
    const port = registry?.port;
    await registry?.stop();
    registry = await startRegistry({ kind: 'distribution3', ...(port === undefined ? {} : { port }) });
    const containers = await quirkRegistry({ auth: { kind: 'basic', users: { _: TOKEN } } });
    const image = await putSmallImage(containers.target('any/web'));
    const world = makeWorld({ apps: APPS, slugs, images: [image.config.digest] });
    for (const { name } of world.apps.filter(({ stack }) => stack === 'container')) {
      const { descriptor } = await putSmallImage(containers.target(`${name}/web`));
      containers.repository(`${name}/web`).tags.set('latest', descriptor.digest);
    }
    // A bucket that runs dry, and fills again while one waits.
    const rateLimit = { size: 1_500, refill: 60_000 };
    const api = await startPlatformApi({ world: () => world, token: TOKEN, rateLimit, slugLife: 2_000 });
    const home = await temporaryFolder();
    const folder = join(await temporaryFolder(), 'migration');
    const env = { HEROKU_API_KEY: TOKEN, HEROKU_API_URL: api.url };
    const command = (...words: readonly string[]) => startCommand(['heroku', ...words], { home, env });
    const said: string[] = [];
    const planned = await command('plan', '--out', folder, '--all');
    expect(planned.stderr, String(planned.exitCode)).toContain('app-0299');
    const to = `${registry.host}/heroku`;
    await writeFile(join(folder, 'fingerprint.key'), key, { mode: 0o600 });
    const flags = [
      '--heroku-registry',
      containers.host,
      '--to',
      to,
      '--recipient',
      recipient,
      '--base',
      'heroku-24=scratch',
      '--json',
    ];
    return {
      api,
      folder,
      home,
      said,
      async show(...words: readonly string[]) {
        const { exitCode, stdout, stderr } = await command(...words);
        expect([exitCode, stdout === ''], stderr).toEqual([0, false]);
        return stdout;
      },
      run() {
        const child = command('import', folder, ...flags, '--progress', 'json');
        child.then(({ stdout, stderr }) => said.push(stdout, stderr));
        return child;
      },
    };
  }

  test(`killed at ${KILLS} random moments (seed ${SEED}) and resumed, they end as if nothing had been`, async () => {
    const calm = await start();
    const undisturbed = await calm.run();
    const wanted = await endState(calm.folder);
    expect(undisturbed.exitCode, undisturbed.stderr.slice(-2000)).toBe(1);
    const chance = seeded(SEED);
    const rough = await start();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      // Every time a little further, and at no moment of an app in particular.
      const far = Math.floor((kill * APPS) / (KILLS + 1) - chance.number() * 5);
      await killWhen(rough.run(), far, chance.number() * 100);
    }
    const last = await rough.run();
    expect(last.exitCode, last.stderr.slice(-2000)).toBe(1);
    expect(await endState(rough.folder)).toEqual(wanted);
    // What was under way when it was killed is read once more, and what fails is tried again; nothing else.
    const anew = AT_ONCE + JSON.parse(undisturbed.stdout).totals.failed;
    const each = Math.max(...slugs.map(({ size }) => size));
    expect(bytesOf(rough.api)).toBeLessThanOrEqual(bytesOf(calm.api) + KILLS * anew * each);
    expect(rough.api.requests.length).toBeLessThanOrEqual(
      calm.api.requests.length + KILLS * (LIST_CALLS + anew * CALLS_OF_AN_APP),
    );

    const again = await rough.run();
    expect(JSON.parse(again.stdout).totals).toMatchObject({
      imported: 0,
      slugBytesRead: 0,
      uploadedBytes: 0,
    });

    for (const { folder, home, said, show } of [calm, rough]) {
      said.push(await show('status', folder, '--json'));
      for (const format of ['html', 'csv', 'json'])
        said.push(await show('report', folder, '--format', format));
      expect(said.join('\n')).not.toContain(SECRET_MARK);
      expect(said.join('\n')).not.toContain(TOKEN);
      for (const place of [folder, home, registry.storage]) {
        expect(await filesWith(place, SECRET_MARK)).toEqual([]);
        expect(await filesWith(place, TOKEN)).toEqual([]);
      }
    }
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const sealed = await readFile(join(rough.folder, 'apps/app-0008/secrets.age'));
    expect(await decrypter.decrypt(sealed, 'text')).toContain(`${SECRET_MARK}-app-0008`);
  }, 600_000);
});
