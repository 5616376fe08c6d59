import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { engineVariables } from '../../src/engines/environment.ts';
import { runBuild } from '../../src/pipeline/build.ts';
import type { PipelineEnvironment } from '../../src/pipeline/session/environment.ts';
import type { BuildEvent } from '../../src/plan/events.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import type { SucceededBuild } from '../../src/plan/result.ts';
import { busyboxBase } from '../helpers/base-image.ts';
import { buildkitEngine } from '../helpers/buildkit.ts';
import { startCommand } from '../helpers/command.ts';
import { dockerfileApp, SHELL } from '../helpers/dockerfiles.ts';
import { describeWith } from '../helpers/engines.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { startRegistry } from '../helpers/registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';

describeWith(
  ['buildkit', 'busybox', 'registry', 'ssh-agent', 'ps', 'root'],
  'Dockerfiles with BuildKit',
  () => {
    let engine: Readonly<Record<string, string>>;
    let home: string;

    beforeAll(async () => {
      [engine, home] = await Promise.all([buildkitEngine(), temporaryFolder()]);
    });

    interface Built {
      readonly result: Awaited<ReturnType<typeof runBuild>>;
      readonly events: readonly BuildEvent[];
    }

    async function build(
      app: string,
      changes: Partial<BuildRequest> = {},
      around: Partial<PipelineEnvironment> = {},
    ): Promise<Built> {
      const request = buildRequest(app, { engine: 'buildkit', ...changes });
      const environment = pipelineEnvironment(home, { engineVariables: engineVariables(engine), ...around });
      return { result: await runBuild(request, environment), events: environment.events };
    }

    function succeeded({ result }: Built): SucceededBuild {
      if (result.status !== 'succeeded') throw new Error(JSON.stringify(result.error));
      return result;
    }

    /** How each step that has this in its name ended. */
    const ended = ({ events }: Built, text: string) =>
      events.flatMap((event) =>
        event.type === 'task' && event.state !== 'started' && event.name.includes(text) ? [event.state] : [],
      );

    test('a changed secret runs the steps again that mount it, and no others', async () => {
      const app = await dockerfileApp(`${SHELL}RUN echo before
FROM shell AS one
RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length
FROM shell
RUN --mount=type=secret,id=other,env=OTHER echo other
COPY --from=one /length /length
`);
      const secrets = ['token', 'other'].map((id) => ({
        id,
        from: { kind: 'env', name: id.toUpperCase() } as const,
      }));
      const variable = (token: string, other: string) => ({
        variable: (name: string) => (name === 'TOKEN' ? token : other),
      });
      const first = await build(app, { secrets }, variable('one', 'a'));
      succeeded(first);
      expect(ended(first, 'id=token')).toEqual(['finished']);
      const again = await build(app, { secrets }, variable('one', 'a'));
      expect([ended(again, 'id=token'), ended(again, 'id=other')]).toEqual([['cached'], ['cached']]);
      const changed = await build(app, { secrets }, variable('three', 'a'));
      expect(ended(changed, 'id=token')).toEqual(['finished']);
      expect([ended(changed, 'echo before'), ended(changed, 'id=other')]).toEqual([['cached'], ['cached']]);
      expect(succeeded(changed).image.digest).not.toBe(succeeded(first).image.digest);
    }, 60_000);

    test('a step says when it began, how it ended and what it printed; warnings are advice', async () => {
      const built = await build(
        await dockerfileApp(`${SHELL}RUN echo to you; echo and you >&2\nMAINTAINER me\n`),
      );
      succeeded(built);
      const task = built.events.find((event) => event.type === 'task' && event.name.includes('echo to you'));
      if (task?.type !== 'task') throw new Error('no such task');
      const own = built.events.filter((event) => event.type === 'task' && event.id === task.id);
      expect(own.map((event) => event.type === 'task' && event.state)).toEqual(['started', 'finished']);
      const lines = built.events.flatMap((event) =>
        event.type === 'log' && event.task === task.id ? [`${event.stream}: ${event.line}`] : [],
      );
      expect(lines.sort()).toEqual(['stderr: and you', 'stdout: to you']);
      expect(built.events).toContainEqual(
        expect.objectContaining({ type: 'warning', code: 'DOCKERFILE_ADVICE' }),
      );
    });

    test('the image is one image, without attestations', async () => {
      const result = succeeded(await build(await dockerfileApp(`${SHELL}LABEL a=b\n`)));
      expect(result.image.mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
      expect(result.platforms).toHaveLength(1);
    });

    test('a cache is written and read', async () => {
      const app = await dockerfileApp(`${SHELL}RUN date +%N > /once-${process.pid}\n`);
      const cache = join(await temporaryFolder(), 'cache');
      await build(app, { cacheTo: [`type=local,dest=${cache},mode=max`] });
      expect(await readdir(cache)).toContain('index.json');
      // Everything that the daemon itself remembers goes; what is left is the cache in the folder.
      execFileSync('buildctl', ['prune', '--all'], { env: { ...engine } });
      const cold = await build(app, { cacheFrom: [`type=local,src=${cache}`] });
      expect(ended(cold, 'date +%N')).toEqual(['cached']);
    }, 60_000);

    test('a base image is taken from an OCI layout under the name that the Dockerfile has for it', async () => {
      const base = await busyboxBase(join(await temporaryFolder(), 'base'));
      const app = await dockerfileApp('FROM company/base:1\nRUN echo hello > /made\n');
      const contexts = { 'company/base:1': `oci:${base.layout}:latest` };
      const result = succeeded(await build(app, { contexts }));
      expect(result.layers?.map(({ origin }) => origin)).toEqual(['base', 'step']);
      const unused = await build(app, { contexts: { nothing: contexts['company/base:1'] } }).catch(String);
      expect(unused).toContain('--build-context nothing');
    });

    test('a base image of a registry is pinned to what the plan saw', async () => {
      const registry = await startRegistry({ kind: 'distribution3' });
      onTestFinished(() => registry.stop());
      const base = await busyboxBase(join(await temporaryFolder(), 'base'));
      const name = `${registry.host}/base:1`;
      const copy = ['copy', `oci:${base.layout}:latest`, `docker://${name}`];
      expect((await startCommand(copy, { home })).exitCode).toBe(0);
      const built = await build(await dockerfileApp(`FROM ${name}\nRUN echo hello > /made\n`));
      expect(succeeded(built).layers?.map(({ origin }) => origin)).toEqual(['base', 'step']);
      const names = built.events.flatMap((event) => (event.type === 'task' ? [event.name] : []));
      expect(names.some((each) => each.includes(base.digest))).toBe(true);
    });

    test('Docker’s frontend is the one that is there; another one is refused', async () => {
      const mapped = await build(await dockerfileApp(`# syntax=docker/dockerfile:1.7-labs\n${SHELL}`));
      succeeded(mapped);
      const remote = await dockerfileApp('# syntax=127.0.0.1:1/evil:1\nFROM scratch\n');
      const refused = await build(remote);
      expect(refused.result).toMatchObject({ status: 'failed', error: { code: 'FRONTEND_REFUSED' } });
      const argument = { BUILDKIT_SYNTAX: '127.0.0.1:1/evil:1' };
      const hidden = await build(await dockerfileApp('FROM scratch\n'), { buildArgs: argument });
      expect(hidden.result).toMatchObject({ status: 'failed', error: { code: 'FRONTEND_REFUSED' } });
      // Allowed, the engine does fetch it, and finds nobody there.
      const allowed = await build(remote, { allow: ['remote-frontend'] }).catch((error: unknown) => error);
      expect(allowed).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    }, 60_000);

    test('the Dockerfile’s own ignore file counts before the root’s', async () => {
      const app = await dockerfileApp(SHELL, {
        'web/Dockerfile': `${SHELL}COPY . /app\nRUN test -e /app/b.txt && test ! -e /app/a.txt\n`,
        'web/Dockerfile.dockerignore': 'a.txt\n',
        '.dockerignore': 'b.txt\n',
        'a.txt': '',
        'b.txt': '',
      });
      succeeded(await build(app, { file: 'web/Dockerfile' }));
    });

    test('a stage that is not there is told before anything is built', async () => {
      const app = await dockerfileApp('FROM scratch AS one\nFROM one\n');
      const { result, events } = await build(app, { target: 'three' });
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'TARGET_NOT_FOUND', message: expect.stringContaining('it has one, 1') },
      });
      expect(events.some((event) => event.type === 'task')).toBe(false);
    });

    test('SSH reaches the steps that mount it', async () => {
      const app = await dockerfileApp(`${SHELL}RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK"\n`);
      const { result } = await build(app, { ssh: [`default=${join(home, 'no-agent')}`] }).catch((error) => ({
        result: { status: 'failed', error },
      }));
      expect(result.status).toBe('failed');
      const agent = join(await temporaryFolder(), 'agent');
      const started = execFileSync('ssh-agent', ['-a', agent], { encoding: 'utf8' });
      const pid = Number(/SSH_AGENT_PID=([0-9]+)/.exec(started)?.[1]);
      onTestFinished(() => void process.kill(pid));
      succeeded(await build(app, { ssh: [`default=${agent}`] }));
    });

    test.each(['signal', 'deadline'])(
      'called off by a %s, nothing of it runs on',
      async (how) => {
        const mark = join(await temporaryFolder(), 'mark');
        await mkdir(mark);
        const app = await dockerfileApp(`${SHELL}RUN echo started; sleep 98765\n`);
        const flags = how === 'deadline' ? ['--timeout', '3s'] : [];
        const child = startCommand([app, '--engine', 'buildkit', '--rebuild', ...flags], {
          home,
          env: engine,
        });
        if (how === 'signal') {
          let said = '';
          child.stderr?.on('data', (chunk) => {
            said += chunk;
          });
          await expect.poll(() => said, { timeout: 30_000 }).toContain('| started');
          child.kill('SIGINT');
        }
        const { exitCode } = await child;
        expect(exitCode).toBe(how === 'signal' ? 130 : 124);
        const sleeping = () => {
          const all = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
          return all.split('\n').filter((line) => /sleep 98765|buildctl .*build/.test(line));
        };
        await expect.poll(sleeping, { timeout: 10_000 }).toEqual([]);
        expect((await readdir(join(home, 'tmp'))).filter((name) => name.startsWith('work-'))).toEqual([]);
      },
      60_000,
    );

    test('without an engine it says what to get', async () => {
      const nowhere = await temporaryFolder();
      const app = await dockerfileApp(SHELL);
      const env = { PATH: nowhere, DOCKER_HOST: `unix://${nowhere}/docker.sock` };
      const { exitCode, stderr } = await startCommand([app], { home, env });
      expect(exitCode).toBe(3);
      expect(stderr).toContain('ENGINE_MISSING');
      for (const name of ['buildctl', 'buildx', 'Docker Engine', 'Buildah']) expect(stderr).toContain(name);
      const here = await startCommand([app, '--engine', 'buildah'], {
        home,
        env: { ...engine, PATH: `${engine.PATH}`, CONTAINERS_STORAGE_CONF: '/nowhere' },
      });
      expect(here.stderr).toContain('--engine buildkit would work');
      expect(existsSync(nowhere)).toBe(true);
    }, 60_000);

    test('a secret that a failing step prints is in neither the log nor the error', async () => {
      const app = await dockerfileApp(
        `${SHELL}RUN --mount=type=secret,id=token cat /run/secrets/token; echo; echo said; exit 3\n`,
      );
      const secrets = [{ id: 'token', from: { kind: 'file', path: join(home, 'printed') } as const }];
      await writeFile(join(home, 'printed'), 'sesame-8471');
      const { result, events } = await build(app, { secrets });
      expect(result).toMatchObject({ status: 'failed', error: { code: 'DOCKERFILE_STEP_FAILED' } });
      const said = JSON.stringify([result, events]);
      expect(said).toContain('said');
      expect(said).toContain('***');
      expect(said).not.toContain('sesame-8471');
      expect(said).not.toMatch(/token-[0-9a-f]{32}/);
    }, 60_000);

    test('an unreadable secret is told by name', async () => {
      const app = await dockerfileApp(SHELL);
      const secrets = [{ id: 'a', from: { kind: 'file', path: '/nowhere/secret' } as const }];
      const { result } = await build(app, { secrets });
      expect(result).toMatchObject({ status: 'failed', error: { code: 'SECRET_UNREADABLE' } });
      await writeFile(join(home, 'large'), Buffer.alloc(600 * 1024));
      const large = [{ id: 'a', from: { kind: 'file', path: join(home, 'large') } as const }];
      expect((await build(app, { secrets: large })).result).toMatchObject({
        error: { code: 'LIMIT_EXCEEDED' },
      });
    });
  },
);
