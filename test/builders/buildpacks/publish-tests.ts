import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, LIMIT_MS, lines } from '../../helpers/buildpacks-run.ts';
import { serve } from '../../helpers/http-server.ts';
import { answerOf, processes } from '../../helpers/machine.ts';
import { type RegistryOptions, startRegistry } from '../../helpers/registry.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** Builds that pack pushes by itself. */
export function publishTests(run: BuildpacksRun): void {
  const { build, succeed, leftovers, environmentOf, requestOf } = run;

  describe('straight to a registry', () => {
    const allow = ['trust-builder', 'host-network'] as const;
    /** A registry that has the run image, as the engine has it. */
    const registryWithBase = async (options: Partial<RegistryOptions> = {}) => {
      const registry = await startRegistry({ kind: 'distribution3', ...options });
      onTestFinished(() => registry.stop());
      const base = `${registry.host}/team/run:v1`;
      await run.engine.docker('tag', run.made.runImage, base);
      await run.engine.docker('push', '--quiet', base);
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
      await run.engine.docker('pull', '--quiet', reference);
      expect(await answerOf(reference, run.engine)).toBe('hello from a buildpack\n');
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
      await run.engine.docker('rmi', base);
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
        const gateway = await run.engine.docker(
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
        await run.engine.docker('tag', run.made.runImage, near);
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
}
