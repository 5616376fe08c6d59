import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { runPlan } from '../../../src/heroku-import/plan/run-plan.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { makeWorld } from '../../helpers/heroku/make-world.ts';
import { startPlatformApi } from '../../helpers/heroku/start-platform-api.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const SLUG = { file: '/none', sha256: 'ab'.repeat(32), size: 5_000_000, processTypes: { web: 'node x' } };
const KEY = 'HRKU-1234567890';

async function build(...flags: string[]) {
  const made = makeWorld({ apps: 3, slugs: [SLUG], oddity: (index) => (index === 2 ? 'no-slug' : 'none') });
  const api = await startPlatformApi({ world: () => made, token: KEY });
  const folder = join(await temporaryFolder(), 'migration');
  const { host, texts } = createFakeHost({
    arguments: ['heroku', 'plan', ...flags.map((flag) => flag.replace('DIR', folder))],
    environment: { HEROKU_API_KEY: KEY, HEROKU_API_URL: api.url, DOGWOOD_HOME: await temporaryFolder() },
    pipeline: { planMigration: async () => runPlan },
  });
  return { exitCode: await runProgram(host), texts, folder, api };
}

test('a plan is printed for people, and kept as a document', async () => {
  const { exitCode, texts, folder } = await build('--all', '--out', 'DIR');
  expect(exitCode).toBe(0);
  expect(texts.stdout.split('\n')).toEqual([
    'app       becomes                      slug  not carried, and warnings',
    expect.stringMatching(/^app-0000 {2}slug to image, no rebuild {2}5\.0 MB {2}7 not carried$/),
    expect.stringMatching(/^app-0001 {2}slug to image, no rebuild {2}5\.0 MB {2}1 not carried$/),
    'app-0002  nothing to import                  its release has no slug: nothing was deployed yet',
    '',
    '3 apps: 2 slug to image, no rebuild, 1 nothing to import',
    expect.stringMatching(/^ {2}5\.0 MB of slugs, 9 secrets$/),
    expect.stringMatching(/^ {2}an import takes about 20 calls \(\d+ left now\), 0\.5 s at least$/),
    '',
    `Plan ${folder}/plan.json`,
    '',
  ]);
  expect(JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')).apps).toHaveLength(3);
});

test('the document comes out with --json', async () => {
  const { texts, folder } = await build('--app', 'app-0001', '--out', 'DIR', '--json');
  expect(JSON.parse(texts.stdout)).toEqual(JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')));
});

test.each([
  [['--all'], 2, 'USAGE', 'required option'],
  [['--out', 'DIR'], 2, 'USAGE', 'no app is named'],
  [['--out', 'DIR', '--app', 'nobody'], 1, 'HEROKU_NOT_FOUND', 'nobody'],
  [['--out', 'DIR', '--all', '--heroku-api', 'http://example.com'], 2, 'USAGE', 'no address of a Heroku API'],
])('%j ends with exit code %i and %s', async (flags, exitCode, code, words) => {
  const run = await build(...flags);
  expect(run.exitCode).toBe(exitCode);
  expect(run.texts.stderr).toContain(`error[${code}]`);
  expect(run.texts.stderr).toContain(words);
  expect(run.texts.stdout + run.texts.stderr).not.toContain(KEY);
});
