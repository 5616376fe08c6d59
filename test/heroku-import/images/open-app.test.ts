import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { openHerokuApp } from '../../../src/heroku-import/images/open-app.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { describeWith } from '../../helpers/engines.ts';
import type { Oddity } from '../../helpers/heroku/make-world.ts';
import { startMigration } from '../../helpers/heroku/migration.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const KEY = 'HRKU-1234567890';

async function build(words: readonly string[], oddity: Oddity = 'none') {
  const migration = await startMigration({ apps: 1, token: KEY, oddity: () => oddity });
  const { host, texts } = createFakeHost({
    arguments: [...words, '--json'],
    environment: { HEROKU_API_KEY: KEY, HEROKU_API_URL: migration.api.url, DOGWOOD_HOME: migration.home },
    pipeline: {
      runBuild: async () => runBuild,
      planBuild: async () => planBuild,
      openHerokuApp: async () => openHerokuApp,
    },
  });
  const exitCode = await runProgram(host);
  return { exitCode, document: JSON.parse(texts.stdout), migration };
}

describeWith(['gnutar'], 'heroku:APP', () => {
  test('heroku:APP is the slug that runs, with the stack and processes that Heroku says', async () => {
    const layout = `oci:${join(await temporaryFolder(), 'image')}`;
    const { exitCode, document, migration } = await build([
      'heroku:app-0000',
      '--base',
      'scratch',
      '-o',
      layout,
    ]);
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({ strategy: 'slug', slug: { layer: 'kept' } });
    expect(document.processes).toEqual(migration.files[0]?.processTypes);
    expect(document.layers.at(-1).digest).toBe(`sha256:${migration.files[0]?.sha256}`);
  });

  test('a plan names the stack of the slug', async () => {
    const { document } = await build(['plan', 'heroku:app-0000', '--base', 'scratch']);
    expect(document.plan.details.stack).toEqual({ value: 'heroku-24', from: 'slug metadata' });
  });

  test.each([
    ['heroku:app-0000', 'container', 'HEROKU_NO_SLUG', 1],
    ['heroku:app-0000', 'no-blob', 'HEROKU_NO_SLUG', 1],
    ['heroku:app-0000', 'wrong-checksum', 'SLUG_CHECKSUM', 1],
    ['heroku:nobody', 'none', 'HEROKU_NOT_FOUND', 1],
    ['heroku:', 'none', 'USAGE', 2],
    ['heroku:../account', 'none', 'USAGE', 2],
  ] as const)('%s of which the slug is %s ends with %s', async (source, oddity, code, expected) => {
    const layout = `oci:${join(await temporaryFolder(), 'image')}`;
    const { exitCode, document } = await build([source, '--base', 'scratch', '-o', layout], oddity);
    expect([document.error.code, exitCode]).toEqual([code, expected]);
  });
});
