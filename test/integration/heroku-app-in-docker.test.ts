import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseImportDestination } from '../../src/heroku-import/images/destinations.ts';
import { rolloutDocument } from '../../src/rollout/document.ts';
import { debianBase } from '../helpers/base-image.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith } from '../helpers/engines.ts';
import { slugFileOf, startMigration } from '../helpers/heroku/migration.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { makeSlug } from '../helpers/slugs.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** Tells what the process sees. */
const SERVER = `require('node:http')
  .createServer((request, response) => response.end(JSON.stringify({ ...process.env, UID: process.getuid() })))
  .listen(process.env.PORT);
`;

describeWith(
  ['docker', 'registry', 'debian-base', 'gnutar', 'bash', 'root'],
  'an imported app in Docker',
  () => {
    let engine: Docker;
    let registry: RunningRegistry;
    beforeAll(async () => {
      [engine, registry] = await Promise.all([dockerEngine(), startRegistry({ kind: 'distribution3' })]);
    });
    afterAll(() => registry.stop());

    test('runs by its documents alone, with its config vars, and answers', async () => {
      const folder = await temporaryFolder();
      const { layout } = await debianBase(join(folder, 'base'));
      const slug = await makeSlug(folder, 'node', {
        modify: (app) => writeFile(join(app, 'server.js'), SERVER),
      });
      const file = { ...(await slugFileOf(slug.path, 1)), processTypes: { web: 'node server.js' } };
      const migration = await startMigration({ apps: 1, slugs: [file] });
      const identity = await generateIdentity();
      const { document } = await migration.run({
        destinations: [parseImportDestination(`${registry.host}/heroku`)],
        recipients: [await identityToRecipient(identity)],
        stackImages: { 'heroku-24': `oci:${layout}` },
      });
      expect(document.totals.imported).toBe(1);

      // From here on: what a runtime has, and nothing else.
      const app = 'app-0000';
      const rollout = rolloutDocument.parse(await migration.rollout(app));
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const sealed = await readFile(join(migration.folder, 'apps', app, 'secrets.age'));
      const secrets: Readonly<Record<string, string>> = JSON.parse(await decrypter.decrypt(sealed, 'text'));
      const files = join(folder, 'secrets');
      await mkdir(files);
      for (const [name, value] of Object.entries(secrets)) await writeFile(join(files, name), value);
      const web = rollout.processes.web;
      const [location] = rollout.image.locations;
      if (web === undefined || location === undefined) throw new Error('no web process, or no image');
      const variables = Object.entries({ ...rollout.config.env, ...web.env });
      await engine.docker('pull', '--quiet', location.reference);
      await engine.docker(
        ...['run', '-d', '--name', 'imported', '-p', `127.0.0.1::${web.env?.PORT}`],
        ...['-v', `${files}:/run/dogwood/env:ro`, '--memory', `${web.resources?.memory}m`],
        ...variables.flatMap(([name, value]) => ['-e', `${name}=${value}`]),
        ...[location.reference, ...(web.args ?? [])],
      );
      const url = `http://${await engine.docker('port', 'imported', web.env?.PORT ?? '')}/`;
      const answer = async (): Promise<Record<string, unknown> | undefined> =>
        await fetch(url).then(
          (response) => response.json() as Promise<Record<string, unknown>>,
          () => undefined,
        );
      await expect.poll(answer, { timeout: 30_000, interval: 100 }).toBeDefined();
      const seen = await answer();
      await engine.docker('rm', '-f', 'imported');

      const config: Readonly<Record<string, string>> = migration.world().apps[0]?.config ?? {};
      // Those of an add-on and of the runtime are not carried, and no file can be named so that bash exports it.
      const { DATABASE_URL: _, PORT: __, '2FA_ISSUER': ___, ...carried } = config;
      expect(seen).toMatchObject(carried);
      expect(seen).toMatchObject({ DYNO: 'web.1', HOME: '/app', HEROKU_APP_NAME: app, WEB_CONCURRENCY: '2' });
      expect(String(seen?.UID)).toBe(web.user?.split(':')[0]);
    });
  },
);
