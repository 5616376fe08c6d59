import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readAccount } from '../../../src/heroku-import/account/account.ts';
import { readApp } from '../../../src/heroku-import/account/app-state.ts';
import { openHeroku } from '../../../src/heroku-import/api/open.ts';
import { configOf } from '../../../src/heroku-import/config/app-config.ts';
import {
  fingerprint,
  openFingerprintKey,
  versionOf,
} from '../../../src/heroku-import/config/fingerprints.ts';
import { rolloutOf } from '../../../src/heroku-import/import/app-rollout.ts';
import { planApp } from '../../../src/heroku-import/plan/plan-app.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { parseRecipients } from '../../../src/rollout/recipient.ts';
import { sealSecrets } from '../../../src/rollout/secrets.ts';
import { describeWith, onPath } from '../../helpers/engines.ts';
import { makeWorld, SECRET_MARK } from '../../helpers/heroku/make-world.ts';
import { startPlatformApi } from '../../helpers/heroku/start-platform-api.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const world = makeWorld({
  apps: 33,
  oddity: () => 'none',
  slugs: [{ file: '/none', sha256: 'ab'.repeat(32), size: 5000, processTypes: { web: 'node x' } }],
});

/** Every app of an account, as the API tells of it and an import makes documents of it. */
async function documents(recipients: readonly string[]) {
  const server = await startPlatformApi({ world: () => world, token: 'a-token' });
  const environment = pipelineEnvironment(await temporaryFolder());
  const { api, close } = openHeroku({ address: server.url, token: 'a-token' }, environment);
  const key = await openFingerprintKey(join(await temporaryFolder(), 'fingerprint.key'));
  const parsed = await parseRecipients(recipients);
  try {
    const account = await readAccount(api, { all: true, teams: [], pipelines: [], apps: [] });
    return await Promise.all(
      account.apps.map(async (app) => {
        const state = await readApp(api, app);
        const plan = planApp(state, account);
        const config = configOf(state, plan, 'encrypt');
        const sealed = await sealSecrets(config.secrets, parsed);
        const versions = Object.fromEntries(
          Object.entries(config.secrets).map(([name, value]) => [
            name,
            versionOf(fingerprint(key, app.id, name, value)),
          ]),
        );
        const rollout = rolloutOf({
          state,
          plan,
          images: [
            {
              process: null,
              digest: digestOf('image'),
              mediaType: 'application/vnd.oci.image.manifest.v1+json',
              size: 1,
              user: '1000:1000',
              processes: {},
              references: [],
            },
          ],
          config,
          versions,
          sealed: { ref: 'secrets.age', digest: digestOf(sealed) },
          recipients,
          tenant: 'default',
          environment: 'production',
          now: new Date(0),
        });
        const { secrets: _secrets, ...shown } = config;
        return { app, config, sealed, shown: { plan, rollout, config: shown, versions } };
      }),
    );
  } finally {
    close();
  }
}

describeWith(['age'], 'the secrets of an account', ({ age }) => {
  test('are in the age files, exactly, and in no document', async () => {
    const keyFile = join(await temporaryFolder(), 'key.txt');
    await execa(onPath('age-keygen') ?? 'age-keygen', ['-o', keyFile]);
    const { stdout: recipient } = await execa(onPath('age-keygen') ?? 'age-keygen', ['-y', keyFile]);
    const made = await documents([recipient]);
    expect(made).toHaveLength(33);
    for (const { app, config, sealed, shown } of made) {
      expect(JSON.stringify(shown)).not.toContain(SECRET_MARK);
      expect(Buffer.from(sealed).includes(SECRET_MARK)).toBe(false);
      const file = join(await temporaryFolder(), 'secrets.age');
      await writeFile(file, sealed);
      const { stdout } = await execa(age, ['-d', '-i', keyFile, file]);
      const opened = JSON.parse(stdout) as Record<string, string>;
      expect(opened).toEqual(config.secrets);
      const atHeroku = world.apps.find(({ id }) => id === app.id)?.config ?? {};
      for (const [name, value] of Object.entries(opened)) expect(value).toBe(atHeroku[name]);
      // Nothing is lost on the way either.
      const { env, external, notCarried } = shown.config;
      expect(
        [
          ...Object.keys(opened),
          ...Object.keys(env).filter((name) => name in atHeroku),
          ...external.map(({ name }) => name),
          ...notCarried.map(({ what }) => what.replace('variable ', '')),
        ].sort(),
      ).toEqual(Object.keys(atHeroku).sort());
    }
    // The oddest of them is among those looked at.
    const odd = made.find(({ config }) => 'SHELL_WORDS' in config.secrets && 'BASH_ENV' in config.secrets);
    expect(odd?.config.secrets).toMatchObject({ '2FA_ISSUER': 'leading digit', LD_PRELOAD: '/app/lib/x.so' });
    expect(odd?.config.external).toEqual([
      { name: 'DATABASE_URL', from: expect.stringMatching(/^postgresql-/) },
    ]);
  });
});
