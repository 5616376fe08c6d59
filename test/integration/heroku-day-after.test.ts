import { writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runBuild } from '../../src/pipeline/build.ts';
import { type TestBuilder, testApp, testBuilder } from '../helpers/buildpacks-builder.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith } from '../helpers/engines.ts';
import { makeSlugFile, startMigration } from '../helpers/heroku/migration.ts';
import { answerOf } from '../helpers/machine.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const LIMIT_MS = 120_000;
/** Names that the buildpacks would write otherwise, and lines that only a shell understands. */
const PROCESSES = {
  web: 'exec httpd -f -p "$PORT" -h public',
  mail_worker: 'sleep 60 && echo "done: $HOME"',
  Clock: "sh -c 'sleep 60'",
  console: 'sh',
  release: 'echo migrated',
};

describeWith(
  ['docker', 'busybox', 'bash-static', 'pack', 'lifecycle', 'gnutar'],
  'the day after an import',
  ({ pack, 'bash-static': bash }) => {
    let engine: Docker;
    let made: TestBuilder;
    beforeAll(async () => {
      engine = await dockerEngine();
      made = await testBuilder('day-after');
      // As Heroku's run images have one.
      await engine.docker('create', '--name', 'day-after', made.runImage, 'true');
      await engine.docker('cp', bash, 'day-after:/bin/bash');
      await engine.docker('commit', 'day-after', made.runImage);
      await engine.docker('rm', 'day-after');
    }, LIMIT_MS);

    test('a build of the source keeps processes and user, and answers', { timeout: LIMIT_MS }, async () => {
      const slug = { ...(await makeSlugFile(1)), processTypes: PROCESSES };
      const migration = await startMigration({
        apps: 1,
        slugs: [slug],
        // The buildpack of this test's builder is none of Heroku's.
        change: (world) => ({ ...world, apps: world.apps.map((app) => ({ ...app, buildpacks: [] })) }),
      });
      await migration.run();
      const [imported] = (await migration.result('app-0000')).images;
      expect(imported.processes).toEqual(PROCESSES);

      const source = await testApp();
      await writeFile(join(source, 'dogwood.toml'), await migration.read('app-0000', 'dogwood.toml'));
      const environment = pipelineEnvironment(await temporaryFolder(), {
        dockerHost: engine.environment.DOCKER_HOST,
        dockerConfig: engine.environment.DOCKER_CONFIG,
        engineVariables: { ...made.environment, PATH: [dirname(pack), process.env.PATH].join(delimiter) },
      });
      const name = 'day-after/app:v3';
      const built = await runBuild(
        buildRequest(source, {
          builder: made.builder,
          allow: ['trust-builder'],
          output: `docker-daemon:${name}`,
        }),
        environment,
      );
      if (built.status !== 'succeeded') throw new Error(built.error.message);
      expect(built).toMatchObject({ strategy: 'buildpacks', processes: PROCESSES });
      expect(await engine.docker('inspect', '--format', '{{.Config.User}}', name)).toBe(imported.user);
      expect(await answerOf(name, engine)).toBe('hello from a buildpack\n');
      const run = async (...words: readonly string[]) =>
        await engine.docker('run', '--rm', '--entrypoint', ...words);
      expect(await run('/cnb/process/release', name)).toBe('migrated');
      const whose =
        'echo $(id -u):$(id -g) $(stat -c %u:%g . public/index.html) && touch written && echo may';
      expect((await run('/cnb/lifecycle/launcher', name, '--', 'bash', '-c', whose)).split(/\s/)).toEqual([
        imported.user,
        imported.user,
        imported.user,
        'may',
      ]);
    });
  },
);
