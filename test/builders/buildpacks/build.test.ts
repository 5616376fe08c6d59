import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createPack } from '../../../src/engines/pack/pack.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { PipelineEnvironment } from '../../../src/pipeline/environment.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { SucceededBuild } from '../../../src/plan/result.ts';
import { startCommand } from '../../../src/plan/start.ts';
import { type TestBuilder, testApp, testBuilder } from '../../helpers/buildpacks-builder.ts';
import { type Docker, dockerEngine } from '../../helpers/docker.ts';
import { describeWith } from '../../helpers/engines.ts';
import { serve } from '../../helpers/http-server.ts';
import { answerOf, processes } from '../../helpers/machine.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { type RegistryOptions, startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const LIMIT_MS = 60_000;
const SECRET = 'open-sesame-8431';

const commandLines = async () => (await processes()).map(([, line]) => line);

describeWith(['docker', 'busybox', 'pack', 'lifecycle'], 'the buildpacks builder', ({ pack }) => {
  let made: TestBuilder;
  let engine: Docker;

  beforeAll(async () => {
    engine = await dockerEngine();
    made = await testBuilder('buildpacks-build');
  });

  const environmentOf = (home: string, changes: Partial<PipelineEnvironment> = {}) => {
    const PATH = [dirname(pack), process.env.PATH].join(delimiter);
    return pipelineEnvironment(home, {
      dockerHost: engine.environment.DOCKER_HOST,
      dockerConfig: engine.environment.DOCKER_CONFIG,
      engineVariables: { ...made.environment, PATH },
      ...changes,
    });
  };
  const requestOf = (app: string, changes: Partial<BuildRequest> = {}) =>
    buildRequest(app, {
      strategy: 'buildpacks',
      builder: made.builder,
      allow: ['trust-builder'],
      ...changes,
    });

  const build = async (app: string, changes: Partial<BuildRequest> = {}, home?: string) => {
    const environment = environmentOf(home ?? (await temporaryFolder()));
    const result = await runBuild(requestOf(app, changes), environment);
    return { result, events: environment.events, home: environment.home };
  };
  const succeed = async (app: string, changes: Partial<BuildRequest> = {}, home?: string) => {
    const built = await build(app, changes, home);
    if (built.result.status !== 'succeeded') throw new Error(built.result.error.message);
    return { ...built, result: built.result satisfies SucceededBuild };
  };
  /** What a build may have left in the engine. */
  const leftovers = async () => {
    const [containers, volumes, networks, images] = await Promise.all([
      engine.docker('ps', '--all', '--quiet', '--filter', 'label=author=pack'),
      engine.docker('volume', 'ls', '--format', '{{.Name}}'),
      engine.docker('network', 'ls', '--format', '{{.Name}}'),
      engine.docker('image', 'ls', '--format', '{{.Repository}}'),
    ]);
    return [containers, volumes, networks, images]
      .flatMap((answer) => answer.split('\n'))
      .filter(
        (name) => name !== '' && /^[0-9a-f]{12}$|^pack[-.]|^dogwood-build|^dogwood\.local\/build/.test(name),
      );
  };
  const cacheVolumes = async () =>
    (await engine.docker('volume', 'ls', '--format', '{{.Name}}', '--filter', 'name=dogwood-cache-'))
      .split('\n')
      .filter((name) => name !== '');

  const lines = (events: readonly BuildEvent[], task?: string) =>
    events.flatMap((event) =>
      event.type === 'log' && (task === undefined || event.task === task) ? [event.line] : [],
    );

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
      expect(await answerOf('buildpacks-build/answers:v1', engine)).toBe('hello from a buildpack\n');
      const contract = { contract: 'buildpacks', commands: result.processes } as const;
      const { entrypoint = [], arguments: words = [] } = startCommand(contract, ['echo', 'a command']);
      const run = ['run', '--rm', '--entrypoint', ...entrypoint, 'buildpacks-build/answers:v1', ...words];
      expect(await engine.docker(...run)).toBe('a command');
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
        await engine.docker('pull', '--quiet', `${registry.host}/team/app@${digests[0]}`);
        expect(await answerOf(`${registry.host}/team/app@${digests[0]}`, engine)).toBe(
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
    const imagesOfContainers = async (run: () => Promise<unknown>): Promise<string[]> => {
      const since = String(Date.now() / 1000);
      await run();
      const format = '{{.Actor.Attributes.image}}';
      const range = ['--since', since, '--until', String(Date.now() / 1000 + 0.001)];
      const created = await engine.docker(
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
        await engine.docker('tag', made.builder, builder);
        await engine.docker('push', '--quiet', builder);
        const pushed = await planned();
        expect(pushed).toMatch(/^sha256:/);
        await engine.docker('rmi', builder);
        expect(await planned()).toBe(pushed);
        await succeed(app, { builder });
        expect(await engine.docker('image', 'ls', '--digests', '--format', '{{.Digest}}')).toContain(pushed);
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

  describe('variables', () => {
    test('reach the buildpacks, and neither an argument, a log, the plan nor the image', {
      timeout: LIMIT_MS,
    }, async () => {
      const app = await testApp('print-values', 'slow');
      const env = { APP_KEY: SECRET, DOCKER_TOKEN: `${SECRET}-2`, MANY: `${SECRET}\nof two lines` };
      const abort = new AbortController();
      let seen: Promise<readonly string[]> | undefined;
      const events: BuildEvent[] = [];
      const environment = environmentOf(await temporaryFolder(), {
        signal: abort.signal,
        emit(event) {
          events.push(event);
          if (event.type !== 'log' || event.line !== 'building for ever') return;
          seen ??= commandLines().finally(() => abort.abort(new Error('seen enough')));
        },
      });
      await expect(runBuild(requestOf(app, { env }), environment)).rejects.toThrow();
      const running = (await seen) ?? [];
      expect(running.filter((line) => line.includes(`build dogwood.local/build/`))).toHaveLength(1);
      expect(running.filter((line) => line.includes(SECRET))).toEqual([]);
      expect(lines(events, 'build').join('\n')).toContain('platform env: APP_KEY DOCKER_TOKEN MANY');
      expect(lines(events, 'build')).toContain('***');
      expect(JSON.stringify(events)).not.toContain(SECRET);
      const { plan } = await planBuild(requestOf(app, { env }), environmentOf(await temporaryFolder()));
      expect(plan.details).toMatchObject({ env: ['APP_KEY', 'DOCKER_TOKEN', 'MANY'] });
      expect(JSON.stringify(plan)).not.toContain(SECRET);
    });

    test('are not in the image', { timeout: LIMIT_MS }, async () => {
      const name = 'buildpacks-build/secretless:v1';
      const env = { APP_KEY: SECRET };
      const { result } = await succeed(await testApp(), { env, output: `docker-daemon:${name}` });
      const about = await Promise.all([
        engine.docker('image', 'inspect', name),
        engine.docker('image', 'history', '--no-trunc', name),
      ]);
      expect(about.join('\n') + JSON.stringify(result)).not.toContain(SECRET);
    });
  });

  describe('a failure', () => {
    const failures = [
      ['no buildpack fits', 'BUILDPACKS_NOT_DETECTED', 'detect: ', 'no buildpacks participating', []],
      [
        'a detect script fails',
        'BUILDPACKS_NOT_DETECTED',
        'detect: ',
        'the detect script gives up',
        ['detect-error'],
      ],
      [
        'a build script fails',
        'BUILDPACK_FAILED',
        'build: ',
        'the compiler says: missing semicolon',
        ['fail'],
      ],
    ] as const;

    test.each(failures)(
      'when %s names the phase and its last lines',
      { timeout: LIMIT_MS },
      async (_, code, phase, line, markers) => {
        const app = markers.length === 0 ? await temporaryFolder() : await testApp(...markers);
        for (const allow of [['trust-builder'], []] as const) {
          const { result, events } = await build(app, { allow });
          if (result.status !== 'failed') throw new Error('it was built');
          expect(result.error).toMatchObject({ code, step: 'build' });
          expect(result.error.message.startsWith(phase)).toBe(true);
          expect(result.error.message).toContain(line);
          const last = events.filter((event) => event.type === 'task').at(-1);
          expect(last).toMatchObject({ id: phase.slice(0, -2), state: 'failed' });
        }
        expect(await leftovers()).toEqual([]);
      },
    );

    test('of analyze, restore and export is the infrastructure, and names the phase', {
      timeout: 2 * LIMIT_MS,
    }, async () => {
      const container = await engine.docker('create', made.builder, 'none');
      const change = ['--change', 'ENV DOCKER_API_VERSION=9.99'];
      await engine.docker('commit', ...change, container, 'buildpacks-build/odd-client');
      await engine.docker('rm', container);
      await expect(build(await testApp(), { builder: 'buildpacks-build/odd-client' })).rejects.toMatchObject({
        code: 'LIFECYCLE_FAILED',
        message: expect.stringMatching(/^analyze: .*\n(?:.*\n)*.*client version 9\.99 is too new/),
      });
      await expect(build(await testApp('bad-slice'))).rejects.toMatchObject({
        code: 'LIFECYCLE_FAILED',
        message: expect.stringMatching(/^export: /),
      });

      const app = await testApp();
      const before = new Set(await cacheVolumes());
      await succeed(app);
      const cache = (await cacheVolumes()).find((name) => name.endsWith('.build') && !before.has(name));
      // Layers that are damaged the lifecycle makes anew; a list of them that leads to itself it cannot open.
      const damage = 'cd /cache/committed && for list in *metadata; do busybox ln -sf $list $list; done';
      await engine.docker(
        'run',
        '--rm',
        '--user',
        '0',
        '-v',
        `${cache}:/cache`,
        made.runImage,
        'sh',
        '-c',
        damage,
      );
      await expect(build(app)).rejects.toMatchObject({
        code: 'LIFECYCLE_FAILED',
        message: expect.stringMatching(/^restore: /),
        hint: expect.stringContaining('--rebuild'),
      });
      await succeed(app, { rebuild: true });
      expect(await leftovers()).toEqual([]);
    });
  });

  describe('called off', () => {
    /** Builds what never ends, and does something when it is in the middle of it. */
    const interrupted = async (
      middle: (abort: AbortController) => Promise<void>,
      allow: BuildRequest['allow'],
    ) => {
      const abort = new AbortController();
      let done: Promise<void> | undefined;
      const environment = environmentOf(await temporaryFolder(), {
        signal: abort.signal,
        emit(event) {
          if (event.type === 'log' && event.line === 'building for ever') done ??= middle(abort);
        },
      });
      const failure = await runBuild(requestOf(await testApp('slow'), { allow }), environment).then(
        () => undefined,
        (error: unknown) => error,
      );
      await done;
      return failure;
    };

    test.each([[['trust-builder']], [[]]] as const)(
      'with --allow %j leaves no container, volume, network, image or process',
      { timeout: LIMIT_MS },
      async (allow) => {
        const reason = new DOMException('enough', 'AbortError');
        const failure = await interrupted(async (abort) => abort.abort(reason), allow);
        expect(failure).toMatchObject({ code: 'CANCELLED' });
        expect(await leftovers()).toEqual([]);
        expect((await commandLines()).filter((line) => line.includes('dogwood.local/build'))).toEqual([]);
      },
    );

    test('by the end of pack itself, the containers end as well', { timeout: LIMIT_MS }, async () => {
      const failure = await interrupted(async () => {
        for (const [id, line] of await processes())
          if (/(?:^|\/)pack build dogwood\.local\/build/.test(line)) process.kill(id, 'SIGKILL');
      }, ['trust-builder']);
      expect(failure).toMatchObject({ code: 'ENGINE_FAILED' });
      expect(await leftovers()).toEqual([]);
    });
  });

  describe('straight to a registry', () => {
    const allow = ['trust-builder', 'host-network'] as const;
    /** A registry that has the run image, as the engine has it. */
    const registryWithBase = async (options: Partial<RegistryOptions> = {}) => {
      const registry = await startRegistry({ kind: 'distribution3', ...options });
      onTestFinished(() => registry.stop());
      const base = `${registry.host}/team/run:v1`;
      await engine.docker('tag', made.runImage, base);
      await engine.docker('push', '--quiet', base);
      return { registry, base, reference: `${registry.host}/team/app:v1` };
    };
    const notes = (events: readonly BuildEvent[]) =>
      events.flatMap((event) => (event.type === 'note' && event.step === 'build' ? [event.message] : []));

    test('pack pushes by itself: the image runs, has one digest, and is built upon', {
      timeout: 3 * LIMIT_MS,
    }, async () => {
      const { registry, base, reference } = await registryWithBase();
      const [app, home] = [await testApp(), await temporaryFolder()];
      const to = (text: string, changes: Partial<BuildRequest> = {}) =>
        succeed(app, { base, allow, destinations: [{ reference: text }], ...changes }, home);
      const first = await to(reference);
      expect(notes(first.events)).toContain(`pack pushes the image to ${reference} by itself`);
      const { digest } = first.result.image;
      expect(first.result.references).toEqual([
        {
          region: null,
          state: 'available',
          reference: `${registry.host}/team/app@${digest}`,
          tag: reference,
          uploadedBytes: null,
          skippedBytes: null,
          milliseconds: expect.any(Number),
          error: null,
        },
      ]);
      expect(first.result.layers?.map(({ origin }) => origin)).toEqual([
        ...['base', 'buildpack', 'sbom', 'app', 'launcher', 'launch-config', 'launch-config'],
      ]);
      expect(first.result.processes).toHaveProperty('web');
      await engine.docker('pull', '--quiet', reference);
      expect(await answerOf(reference, engine)).toBe('hello from a buildpack\n');
      // Another tag than that of the last image, which the lifecycle would have looked for.
      const second = await to(`${registry.host}/team/app:v2`, { compression: 'gzip' });
      expect(lines(second.events, 'build')).toContain('deps come from the cache');
      const third = await to(reference, { rebuild: true });
      expect(lines(third.events, 'build')).toContain('deps are made');
      expect([second, third].map(({ result }) => result.image.digest)).toEqual([digest, digest]);
      expect(await leftovers()).toEqual([]);
    });

    test('it does so only where that is sure to be right, and says why not', {
      timeout: 4 * LIMIT_MS,
    }, async () => {
      const { base, reference } = await registryWithBase();
      const app = await testApp();
      const why = async (changes: Partial<BuildRequest>) => {
        const { events, result } = await succeed(app, {
          base,
          allow,
          destinations: [{ reference }],
          ...changes,
        });
        expect(result.references[0]).toMatchObject({ state: 'available', skippedBytes: expect.any(Number) });
        return notes(events)[0];
      };
      expect(await why({ allow: ['trust-builder'] })).toContain('only with --allow host-network');
      expect(await why({ allow: ['host-network'] })).toContain('builders that are trusted');
      expect(await why({ compression: 'zstd' })).toContain('--compression zstd');
      expect(await why({ base: undefined })).toContain('run image is not for sure in a registry');
      await engine.docker('rmi', base);
      expect(await leftovers()).toEqual([]);
    });

    test("what the registry refuses is the registry's, and moves no tag", { timeout: LIMIT_MS }, async () => {
      const { registry, base } = await registryWithBase();
      // Everybody may read, nobody may write.
      const { host } = await serve((request, response) => {
        if (request.method === 'GET' || request.method === 'HEAD') {
          response.writeHead(307, { location: `http://${registry.host}${request.url}` }).end();
        } else response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"only read here"}]}');
      });
      const failure = build(await testApp(), {
        base: base.replace(registry.host, host),
        allow,
        destinations: [{ reference: `${host}/team/app:v1` }],
      });
      await expect(failure).rejects.toMatchObject({
        code: 'REGISTRY_DENIED',
        message: expect.stringMatching(/^analyze: /),
      });
      expect(await leftovers()).toEqual([]);
    });

    test.each(['reaches', 'does not reach'])(
      'from a network of its own, a build %s it',
      {
        timeout: 2 * LIMIT_MS,
      },
      async (how) => {
        const { registry, base } = await registryWithBase();
        const gateway = await engine.docker(
          ...['network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}'],
        );
        const front = createServer((request, response) => {
          const isOurs = request.socket.remoteAddress?.endsWith(gateway) === true;
          if (how === 'does not reach' && !isOurs) return void request.socket.destroy();
          const { method, headers, url: path } = request;
          const onward = httpRequest(
            { host: '127.0.0.1', port: registry.port, method, headers, path },
            (answer) => {
              response.writeHead(answer.statusCode ?? 500, answer.headers);
              answer.pipe(response);
            },
          );
          request.pipe(onward.on('error', () => response.destroy()));
        }).listen(0, gateway);
        onTestFinished(() => void front.close());
        await once(front, 'listening');
        const host = `${gateway}:${(front.address() as AddressInfo).port}`;
        const near = base.replace(registry.host, host);
        await engine.docker('tag', made.runImage, near);
        const request = requestOf(await testApp(), {
          base: near,
          allow: [],
          destinations: [{ reference: `${host}/team/app:v1` }],
        });
        const insecure = { insecureRegistries: [host] };
        const environment = environmentOf(await temporaryFolder(), insecure);
        const result = await runBuild(request, environment);
        const expected = how === 'reaches' ? null : expect.any(Number);
        expect(result).toMatchObject({ references: [{ state: 'available', skippedBytes: expected }] });
        const told = notes(environment.events).join('\n');
        expect(told).toContain('by itself');
        expect(told.includes('containers do not reach the registry')).toBe(how === 'does not reach');
        expect(await leftovers()).toEqual([]);
      },
    );

    test.each(['called off', 'by the end of pack itself'])(
      '%s, nothing is left',
      {
        timeout: LIMIT_MS,
      },
      async (how) => {
        const { registry, base, reference } = await registryWithBase();
        const abort = new AbortController();
        const end = async () => {
          if (how === 'called off') return abort.abort(new DOMException('enough', 'AbortError'));
          for (const [id, line] of await processes())
            if (line.includes(`pack build ${reference}`)) process.kill(id, 'SIGKILL');
        };
        let ended: Promise<void> | undefined;
        const environment = environmentOf(await temporaryFolder(), {
          signal: abort.signal,
          emit(event) {
            if (event.type === 'log' && event.line === 'building for ever') ended ??= end();
          },
        });
        const request = requestOf(await testApp('slow'), { base, allow, destinations: [{ reference }] });
        const code = how === 'called off' ? 'CANCELLED' : 'ENGINE_FAILED';
        await expect(runBuild(request, environment)).rejects.toMatchObject({ code });
        await ended;
        expect(await leftovers()).toEqual([]);
        const tags = await fetch(`http://${registry.host}/v2/team/app/tags/list`);
        expect(tags.status).toBe(404);
      },
    );
  });

  test('caches are of one app and one tenant', { timeout: 2 * LIMIT_MS }, async () => {
    const app = await testApp();
    const fromCache = async (changes: Partial<BuildRequest>, source = app) => {
      const { events } = await succeed(source, changes);
      return lines(events, 'build').includes('deps come from the cache');
    };
    expect(await fromCache({})).toBe(false);
    expect(await fromCache({})).toBe(true);
    expect(await fromCache({ tenant: 'another' })).toBe(false);
    expect(await fromCache({}, await testApp())).toBe(false);
    expect(await fromCache({ rebuild: true })).toBe(false);
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

  test('without pack or without Docker it says what is missing and what would do', {
    timeout: LIMIT_MS,
  }, async () => {
    const app = await testApp();
    const without = (changes: Partial<PipelineEnvironment>) =>
      temporaryFolder().then((home) => runBuild(requestOf(app), environmentOf(home, changes)));
    await expect(without({ engineVariables: { PATH: '/nowhere' } })).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: 'pack was not found on the PATH',
      hint: expect.stringContaining('BuildKit'),
    });
    await expect(without({ dockerHost: 'unix:///nowhere.sock' })).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: expect.stringContaining('no Docker Engine answers'),
      hint: expect.stringContaining('pack'),
    });
    expect(await leftovers()).toEqual([]);
  });

  describe('pack itself', () => {
    const wrapper = (variables: Readonly<Record<string, string>>) => createPack({ file: pack, variables });

    test('builds an image, and says what is in it', { timeout: LIMIT_MS }, async () => {
      const { build: buildImage, inspect, trustedBuilders } = wrapper(environmentOf('').engineVariables);
      expect(await trustedBuilders()).toContain('heroku/builder:24');
      const phases: string[] = [];
      const options = {
        path: await testApp(),
        builder: made.builder,
        trustBuilder: true,
        pullPolicy: 'never',
        buildpacks: [],
        env: [],
        buildCache: 'dogwood-cache-wrapper.build',
        launchCache: 'dogwood-cache-wrapper.launch',
        clearCache: false,
        reportFolder: await temporaryFolder(),
      } as const;
      // pack inspect asks the image's registry as well.
      const registry = await startRegistry({ kind: 'distribution3' });
      onTestFinished(() => registry.stop());
      const image = `${registry.host}/wrapped:v1`;
      const result = await buildImage(image, options, { onPhase: (phase) => phases.push(phase) });
      expect(phases).toEqual(['analyze', 'detect', 'restore', 'build', 'export']);
      if (result.status === 'failed') throw new Error(result.lastLines.join('\n'));
      expect(result.report.tags).toEqual([image]);
      const { processes: found } = await inspect(image);
      expect(found.map(({ type, default: first }) => [type, first])).toEqual([
        ['web', true],
        ['worker', false],
      ]);
      await expect(inspect(`${registry.host}/none:v1`)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    });

    test('says its version', async () => {
      const { version } = wrapper({ PATH: process.env.PATH ?? '', HOME: await temporaryFolder() });
      expect(await version()).toMatch(/^\d+\.\d+\.\d+/);
    });
  });
});
