import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import { startCommand } from '../../../src/plan/start.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, LIMIT_MS, lines } from '../../helpers/buildpacks-run.ts';
import { answerOf } from '../../helpers/machine.ts';
import { startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** What comes out of a build, and which builder makes it. */
export function imageTests(run: BuildpacksRun): void {
  const { build, succeed, leftovers, environmentOf, requestOf } = run;

  describe('an image', () => {
    test('runs, answers, and says what processes it has and where its layers come from', {
      timeout: LIMIT_MS,
    }, async () => {
      const name = 'docker-daemon:buildpacks-build/answers:v1';
      const { result, events } = await succeed(await testApp(), { output: name });
      expect(result.processes).toEqual({
        web: "sh -c 'exec httpd -f -p $PORT -h public'",
        worker: "sleep 'it'\\''s 60'",
      });
      expect(result.layers?.map(({ origin }) => origin)).toEqual([
        ...['base', 'buildpack', 'sbom', 'app', 'launcher', 'launch-config', 'launch-config'],
      ]);
      expect(await answerOf('buildpacks-build/answers:v1', run.engine)).toBe('hello from a buildpack\n');
      const contract = { contract: 'buildpacks', commands: result.processes } as const;
      const { entrypoint = [], arguments: words = [] } = startCommand(contract, ['echo', 'a command']);
      const command = ['run', '--rm', '--entrypoint', ...entrypoint, 'buildpacks-build/answers:v1', ...words];
      expect(await run.engine.docker(...command)).toBe('a command');
      const phases = ['analyze', 'detect', 'restore', 'build', 'export'];
      const tasks = events.filter((event) => event.type === 'task');
      expect(tasks.map(({ id, state }) => `${id} ${state}`)).toEqual(
        phases.flatMap((phase) => [`${phase} started`, `${phase} finished`]),
      );
      expect(lines(events, 'build')).toContain('deps are made');
      expect(await leftovers()).toEqual([]);
    });

    test('has one digest, whoever is trusted, whatever is cached, wherever it goes', {
      timeout: 2 * LIMIT_MS,
    }, async () => {
      const app = await testApp();
      const registry = await startRegistry({ kind: 'distribution3' });
      const layout = join(await temporaryFolder(), 'layout');
      try {
        const reference = `${registry.host}/team/app:v1`;
        const builds = [
          await succeed(app),
          await succeed(app, { output: `oci:${layout}:v1` }),
          await succeed(app, { destinations: [{ reference }], allow: [] }),
        ];
        const digests = builds.map(({ result }) => result.image.digest);
        expect(new Set(digests).size).toBe(1);
        expect(builds.map(({ events }) => lines(events, 'build').includes('deps are made'))).toEqual([
          true, // the first of this app
          false,
          true, // named by where it goes, so another app
        ]);
        expect(builds[2]?.result.references[0]?.state).toBe('available');
        await run.engine.docker('pull', '--quiet', `${registry.host}/team/app@${digests[0]}`);
        expect(await answerOf(`${registry.host}/team/app@${digests[0]}`, run.engine)).toBe(
          'hello from a buildpack\n',
        );
        const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
        expect(index.manifests[0].digest).toBe(digests[0]);
      } finally {
        await registry.stop();
      }
      expect(await leftovers()).toEqual([]);
    });

    test('is created when SOURCE_DATE_EPOCH says', { timeout: LIMIT_MS }, async () => {
      const { result, home } = await succeed(await testApp(), { epoch: 86_400 });
      const store = await openLocalStore(home);
      const config = result.config?.digest ?? '';
      const stored = await store.open(
        { mediaType: 'x', digest: config as never, size: -1 },
        { verify: false },
      );
      expect(JSON.parse(await text(stored)).created).toBe('1970-01-02T00:00:00Z');
      store.close();
    });

    test('is compressed when that is asked for, and is the same image', { timeout: LIMIT_MS }, async () => {
      const app = await testApp();
      const home = await temporaryFolder();
      const plain = await succeed(app, {}, home);
      const packed = await succeed(app, { compression: 'gzip' }, home);
      expect(packed.result.config?.digest).toBe(plain.result.config?.digest);
      expect(new Set(packed.result.layers?.map(({ mediaType }) => mediaType))).toEqual(
        new Set(['application/vnd.oci.image.layer.v1.tar+gzip']),
      );
    });
  });

  test('a buildpack that says the image is there does not make it be there', {
    timeout: LIMIT_MS,
  }, async () => {
    const { result, events } = await succeed(await testApp('liar'));
    expect(lines(events, 'export').filter((line) => line.startsWith('*** Images ('))).toHaveLength(2);
    expect(result.layers).toHaveLength(7);
  });

  describe('a builder', () => {
    const imagesOfContainers = async (work: () => Promise<unknown>): Promise<string[]> => {
      const since = String(Date.now() / 1000);
      await work();
      const format = '{{.Actor.Attributes.image}}';
      const range = ['--since', since, '--until', String(Date.now() / 1000 + 0.001)];
      const created = await run.engine.docker(
        'events',
        ...range,
        '--filter',
        'event=create',
        '--filter',
        'type=container',
        '--format',
        format,
      );
      return created
        .split('\n')
        .map((name) => name.replace(/^(pack\.local\/[a-z]+).*/, '$1'))
        .sort();
    };

    test('that nobody trusts gets no container with the credentials', { timeout: LIMIT_MS }, async () => {
      const images = await imagesOfContainers(async () => succeed(await testApp(), { allow: [] }));
      expect(images.filter((name) => name === 'pack.local/lifecycle')).toHaveLength(3); // analyze, restore, export
      const trusted = await imagesOfContainers(async () => succeed(await testApp()));
      expect(trusted).not.toContain('pack.local/lifecycle');
    });

    test('is pinned by its registry, pulled by that digest, and used without the registry', {
      timeout: 2 * LIMIT_MS,
    }, async () => {
      const registry = await startRegistry({ kind: 'distribution3' });
      const builder = `${registry.host}/team/builder:v1`;
      const app = await testApp();
      const environment = environmentOf(await temporaryFolder());
      const planned = async () => {
        const { plan } = await planBuild(requestOf(app, { builder }), environment);
        return plan.details.strategy === 'buildpacks' ? plan.details.builder.digest : undefined;
      };
      try {
        await run.engine.docker('tag', run.made.builder, builder);
        await run.engine.docker('push', '--quiet', builder);
        const pushed = await planned();
        expect(pushed).toMatch(/^sha256:/);
        await run.engine.docker('rmi', builder);
        expect(await planned()).toBe(pushed);
        await succeed(app, { builder });
        expect(await run.engine.docker('image', 'ls', '--digests', '--format', '{{.Digest}}')).toContain(
          pushed,
        );
      } finally {
        await registry.stop();
      }
      // The engine holds it under its name again.
      await succeed(app, { builder });
    });

    test('that is nowhere is an error of its own', { timeout: LIMIT_MS }, async () => {
      const registry = await startRegistry({ kind: 'distribution3' });
      const { result } = await build(await testApp(), { builder: `${registry.host}/no/such:v1` });
      await registry.stop();
      expect(result).toMatchObject({ status: 'failed', error: { code: 'BUILDER_UNUSABLE' } });
    });
  });

  test('files that .slugignore or project.toml name are not of the app', { timeout: LIMIT_MS }, async () => {
    const app = await testApp('secret.txt');
    await writeFile(join(app, '.slugignore'), '# nothing\nfail\n/public/draft.html\n');
    await writeFile(join(app, 'fail'), '');
    await writeFile(join(app, 'public/draft.html'), '');
    // With the file `fail` the buildpack would.
    const { events } = await succeed(app);
    expect(lines(events, 'build')).toContain('deps are made');
    const descriptor = '[_]\nschema-version = "0.2"\n[io.buildpacks]\nexclude = ["/public"]\n';
    await writeFile(join(app, 'project.toml'), descriptor);
    const { result } = await build(app);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'BUILDPACKS_NOT_DETECTED' } });
  });
}
