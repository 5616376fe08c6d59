import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { PipelineEnvironment } from '../../../src/pipeline/session/environment.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, commandLines, LIMIT_MS } from '../../helpers/buildpacks-run.ts';
import { processes } from '../../helpers/machine.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** How a build ends that comes to nothing. */
export function failureTests(run: BuildpacksRun): void {
  const { build, succeed, leftovers, cacheVolumes, environmentOf, requestOf } = run;

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
      const container = await run.engine.docker('create', run.made.builder, 'none');
      const change = ['--change', 'ENV DOCKER_API_VERSION=9.99'];
      await run.engine.docker('commit', ...change, container, 'buildpacks-build/odd-client');
      await run.engine.docker('rm', container);
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
      await run.engine.docker(
        'run',
        '--rm',
        '--user',
        '0',
        '-v',
        `${cache}:/cache`,
        run.made.runImage,
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

  describe('a builder that does not fit its lifecycle', () => {
    /** The builder with one thing changed, under a name of its own. */
    const changed = async (name: string, change: (container: string) => Promise<readonly string[]>) => {
      const container = await run.engine.docker('create', run.made.builder, 'none');
      const image = `buildpacks-build/${name}`;
      await run.engine.docker('commit', ...(await change(container)), container, image);
      await run.engine.docker('rm', container);
      return image;
    };

    test('for its platform API (11)', { timeout: LIMIT_MS }, async () => {
      const label = 'io.buildpacks.builder.metadata';
      const builder = await changed('old-platform', async (container) => {
        const format = `{{index .Config.Labels "${label}"}}`;
        const metadata = JSON.parse(await run.engine.docker('inspect', '--format', format, container));
        // What pack is told, not what is so.
        metadata.lifecycle.apis.platform.supported = ['0.3'];
        return ['--change', `LABEL ${label}='${JSON.stringify(metadata)}'`];
      });
      const { result } = await build(await testApp(), { builder });
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'BUILDER_UNUSABLE', message: expect.stringContaining('platform API') },
      });
    });

    test('for its image extensions, whose codes (91, 92, 102) no build comes to', {
      timeout: LIMIT_MS,
    }, async () => {
      const builder = await changed('extended', async () => {
        const group = [{ id: 'test/ext', version: '1.0.0' }];
        const layers = { 'test/ext': { '1.0.0': { api: '0.10', layerDiffID: 'sha256:00' } } };
        return [
          ...['--change', `LABEL io.buildpacks.buildpack.order-extensions='${JSON.stringify([{ group }])}'`],
          ...['--change', `LABEL io.buildpacks.extension.layers='${JSON.stringify(layers)}'`],
        ];
      });
      const { result } = await build(await testApp(), { builder });
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'BUILDER_UNUSABLE', message: expect.stringContaining('image extensions') },
      });
    });

    test('for the API of a buildpack (12)', { timeout: LIMIT_MS }, async () => {
      const folder = await temporaryFolder();
      const builder = await changed('new-buildpack', async (container) => {
        const path = '/cnb/buildpacks/test_web/1.0.0/buildpack.toml';
        const file = join(folder, 'buildpack.toml');
        await run.engine.docker('cp', `${container}:${path}`, file);
        await writeFile(file, (await readFile(file, 'utf8')).replace(/^api = .*$/m, 'api = "99.9"'));
        await run.engine.docker('cp', file, `${container}:${path}`);
        return [];
      });
      const { result } = await build(await testApp(), { builder });
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'BUILDER_UNUSABLE', message: expect.stringContaining('99.9') },
      });
    });
  });

  test('a phase that is killed from outside (137) is told as such', { timeout: LIMIT_MS }, async () => {
    let killing: Promise<unknown> | undefined;
    const kill = async (): Promise<void> => {
      const ids = await run.engine.docker('ps', '--quiet', '--filter', 'label=author=pack');
      await run.engine.docker('kill', ...ids.split('\n').filter((id) => id !== ''));
    };
    const environment = environmentOf(await temporaryFolder(), {
      emit(event) {
        if (event.type === 'log' && event.line === 'building for ever') killing ??= kill();
      },
    });
    await expect(runBuild(requestOf(await testApp('slow')), environment)).rejects.toMatchObject({
      code: 'LIFECYCLE_FAILED',
      message: expect.stringMatching(/^build: the phase was killed/),
      hint: expect.stringContaining('memory'),
    });
    await killing;
    expect(await leftovers()).toEqual([]);
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
}
