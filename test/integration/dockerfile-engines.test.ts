import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { buildahEngine, buildkitEngine, buildxEngine, TOOLS_PATH } from '../helpers/buildkit.ts';
import { type BuildDocument, buildOrThrow, startCommand } from '../helpers/command.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { dockerfileApp, SHELL, WEB } from '../helpers/dockerfiles.ts';
import { describeWith, type EngineName } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** Seconds that nothing else on the machine sleeps. */
const SLEEP = 54_321 + process.pid;

type Environment = Readonly<Record<string, string>>;

interface TestedEngine {
  readonly title: string;
  readonly engine: string;
  readonly needs: readonly EngineName[];
  readonly environment: (folder: string) => Promise<Environment>;
  /** Two builds without a cache give one image. */
  readonly reproducible: boolean;
  readonly secrets: boolean;
}

const ENGINES: readonly TestedEngine[] = [
  {
    title: 'BuildKit',
    engine: 'buildkit',
    needs: ['buildkit'],
    environment: buildkitEngine,
    reproducible: true,
    secrets: true,
  },
  {
    title: 'buildx',
    engine: 'buildx',
    needs: ['buildkit', 'buildx'],
    environment: buildxEngine,
    reproducible: true,
    secrets: true,
  },
  {
    title: 'the BuildKit in Docker 20.10',
    engine: 'docker',
    needs: [],
    environment: async () => ({ PATH: TOOLS_PATH }),
    reproducible: false,
    secrets: false,
  },
  {
    title: 'the classic builder of Docker 20.10',
    engine: 'docker',
    needs: [],
    environment: async () => ({ PATH: TOOLS_PATH, DOCKER_BUILDKIT: '0' }),
    reproducible: false,
    secrets: false,
  },
  {
    title: 'Buildah',
    engine: 'buildah',
    needs: ['buildah'],
    environment: buildahEngine,
    reproducible: true,
    secrets: true,
  },
];

for (const { title, engine, needs, environment, reproducible, secrets } of ENGINES) {
  describeWith(['docker', 'busybox', 'ps', 'root', ...needs], `Dockerfiles with ${title}`, () => {
    let docker: Docker;
    let home: string;
    let env: Environment;

    beforeAll(async () => {
      [docker, home] = await Promise.all([dockerEngine(), temporaryFolder()]);
      env = { ...docker.environment, ...(await environment(home)) };
    });

    const name = `dockerfile-${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
    const build = (app: string, ...flags: readonly string[]): Promise<BuildDocument> =>
      buildOrThrow([app, '--engine', engine, ...flags], { home, env });
    const failed = async (app: string, ...flags: readonly string[]) => {
      const words = [app, '--engine', engine, '--json', ...flags];
      const { stdout, exitCode } = await startCommand(words, { home, env });
      return { exitCode, error: (JSON.parse(stdout) as BuildDocument).error };
    };

    test('an image is built, runs in Docker and answers', async () => {
      const app = await dockerfileApp(WEB, { 'extra.txt': 'copied', '.dockerignore': 'Dockerfile\n' });
      const built = await build(app, '-o', `docker-daemon:${name}:v1`, '--label', 'made.by=test');
      expect(built.processes).toEqual({ web: 'httpd -f -p 8080 -h /www' });
      expect(built.layers.map(({ origin }) => origin)).toEqual(['step', 'step', 'step', 'step']);
      const config = JSON.parse(await docker.docker('image', 'inspect', `${name}:v1`))[0].Config;
      expect(config.Labels).toMatchObject({ 'made.by': 'test' });
      expect(config.Healthcheck.Interval).toBe(5e9);
      await docker.docker('run', '-d', '-p', '127.0.0.1::8080', '--name', name, `${name}:v1`);
      const url = `http://${await docker.docker('port', name, '8080')}/`;
      const text = async (path: string) => (await fetch(url + path).catch(() => undefined))?.text();
      await expect.poll(() => text(''), { timeout: 30_000, interval: 100 }).toBe('made by a step\n');
      expect(await text('extra.txt')).toBe('copied');
    }, 60_000);

    test('a target stage, build arguments and the platform reach it', async () => {
      const app = await dockerfileApp(`ARG WHICH=shell
${SHELL}FROM \${WHICH} AS wanted
ARG TEXT=nothing
ARG TARGETARCH
LABEL text="$TEXT on $TARGETARCH"
FROM wanted AS unwanted
RUN exit 7
`);
      const flags = ['--target', 'wanted', '--build-arg', 'TEXT=a word', '--build-arg', 'WHICH=shell'];
      await build(app, ...flags, '-o', `docker-daemon:${name}:args`);
      const config = JSON.parse(await docker.docker('image', 'inspect', `${name}:args`))[0].Config;
      expect(config.Labels.text).toMatch(engine === 'docker' ? /^a word on/ : /^a word on amd64$/);
    }, 60_000);

    test('a failing step is the user’s: instruction, exit code and last lines are told', async () => {
      const app = await dockerfileApp(`${SHELL}RUN echo the reason >&2; exit 3\n`);
      const { exitCode, error } = await failed(app);
      expect(exitCode).toBe(1);
      expect(error.code).toBe('DOCKERFILE_STEP_FAILED');
      expect(error.message).toContain('RUN echo the reason');
      expect(error.message).toContain('exit code 3');
      expect(error.message).toMatch(/\n {2}the reason/);
      expect(error.message).toContain('line 4');
    }, 60_000);

    test('what cannot be copied, a missing base and a broken instruction are told apart', async () => {
      const copied = await failed(await dockerfileApp('FROM scratch\nCOPY nothing.txt /\n'));
      expect(copied.error).toMatchObject({ code: 'DOCKERFILE_STEP_FAILED' });
      expect(copied.error.message).toContain('nothing.txt');
      const flag = await failed(await dockerfileApp('FROM scratch\nCOPY --nonsense=1 a /b\n'));
      expect(flag.error.code).toBe('DOCKERFILE_INVALID');
      if (engine !== 'buildkit') return; // the others' words for it are in test/engines/build-failure.test.ts
      const base = await failed(await dockerfileApp('FROM 127.0.0.1:1/no/base:1\nRUN a\n'));
      expect(base.error.code).toBe('REGISTRY_UNREACHABLE');
      expect(base.exitCode).toBe(3);
    }, 60_000);

    test('the ignore file decides what is copied', async () => {
      const app = await dockerfileApp(
        `${SHELL}WORKDIR /app
COPY . .
RUN find . -type f -o -type l | sort > /list
CMD ["cat", "/list"]
`,
        {
          '.dockerignore': '# all logs\n**/*.log\nbusybox\nsecret/**\n!secret/README\ntmp/\n',
          'a.log': '',
          'deep/er/b.log': '',
          'deep/er/c.txt': 'x',
          'secret/key': 'k',
          'secret/README': 'r',
          'tmp/x': '',
        },
      );
      // busybox is left out of the second COPY only where it can be: the first needs it.
      await writeFile(
        join(app, '.dockerignore'),
        '# all logs\n**/*.log\nsecret/**\n!secret/README\ntmp/\n*.dockerignore\n',
      );
      await build(app, '-o', `docker-daemon:${name}:ignore`);
      const list = await docker.docker('run', '--rm', `${name}:ignore`);
      expect(list.split('\n').filter((line) => !/ockerfile|dockerignore/.test(line))).toEqual([
        './busybox',
        './deep/er/c.txt',
        './secret/README',
      ]);
    }, 60_000);

    test('called off, it leaves no container and no process', async () => {
      const app = await dockerfileApp(`${SHELL}RUN echo started; sleep ${SLEEP}\n`);
      const child = startCommand([app, '--engine', engine, '--rebuild'], { home, env });
      let said = '';
      child.stderr?.on('data', (chunk) => {
        said += chunk;
      });
      await expect.poll(() => said, { timeout: 30_000 }).toContain('| started');
      const before = await processes();
      expect(before.some((line) => line.includes(`sleep ${SLEEP}`))).toBe(true);
      child.kill('SIGINT');
      expect((await child).exitCode).toBe(130);
      const left = async () => (await processes()).filter((line) => line.includes(`sleep ${SLEEP}`));
      await expect.poll(left, { timeout: 20_000 }).toEqual([]);
      const running = () =>
        docker.docker('ps', '--quiet', '--filter', 'status=running', '--filter', 'name=^/[0-9a-f]+$');
      await expect.poll(running, { timeout: 20_000 }).toBe('');
      if (engine !== 'buildah') return;
      const { stdout } = await execa('buildah', ['containers', '--quiet'], { env });
      expect(stdout).toBe('');
    }, 60_000);

    if (engine === 'buildah') {
      test('called off between two steps, it leaves no container and no temporary folder', async () => {
        const app = await dockerfileApp('FROM scratch', { 'large.bin': 'x'.repeat(20_000_000) });
        await writeFile(join(app, 'Dockerfile'), `FROM scratch\n${'COPY large.bin /\n'.repeat(30)}`);
        const room = await temporaryFolder();
        const child = startCommand([app, '--engine', engine, '--rebuild'], {
          home,
          env: { ...env, TMPDIR: room },
        });
        let said = '';
        child.stderr?.on('data', (chunk) => {
          said += chunk;
        });
        await expect.poll(() => said, { timeout: 30_000, interval: 20 }).toContain('3/31');
        child.kill('SIGINT');
        expect((await child).exitCode).toBe(130);
        const { stdout } = await execa('buildah', ['containers', '--quiet'], { env });
        expect(stdout).toBe('');
        const left = await readdir(room);
        expect(left.filter((name) => !name.startsWith('buildah-cache'))).toEqual([]);
        expect(await readdir(join(home, 'tmp'))).toEqual([]);
      }, 60_000);
    }

    if (reproducible) {
      test('two builds without a cache give one digest', async () => {
        const web = WEB.replace(/HEALTHCHECK .*\n/, '');
        const app = await dockerfileApp(web, { 'extra.txt': 'copied' });
        const first = await build(app, '--rebuild', '-o', `oci:${join(home, 'one')}`);
        const second = await build(app, '--rebuild', '-o', `oci:${join(home, 'two')}`);
        expect(second.image.digest).toBe(first.image.digest);
      }, 60_000);
    }

    if (secrets) {
      test('what a step prints of a secret is hidden in log, message and document', async () => {
        const app = await dockerfileApp(`${SHELL}RUN --mount=type=secret,id=token \\
  set -x; cat /run/secrets/token; echo "token=$(cat /run/secrets/token)" >&2; exit 3
`);
        const given = ['--secret', 'id=token,env=TOKEN', '--json'];
        const { stdout, stderr, exitCode } = await startCommand([app, '--engine', engine, ...given], {
          home,
          env: { ...env, TOKEN: 'sesame-2290' },
        });
        expect(exitCode, stderr).toBe(1);
        expect(stdout).toContain('DOCKERFILE_STEP_FAILED');
        const log = await logs(home);
        expect(log).toContain('token=***');
        expect(stdout + stderr + log).not.toContain('sesame-2290');
      }, 60_000);

      test('secrets are mounted, and stay out of image, history and log', async () => {
        const app = await dockerfileApp(`${SHELL}RUN --mount=type=secret,id=token,required \\
  --mount=type=secret,id=other,target=/elsewhere \\
  wc -c /run/secrets/token /elsewhere > /length
`);
        const file = join(home, 'other-secret');
        await writeFile(file, Buffer.from([0, 1, 2, 254, 255]));
        const layout = join(home, `secret-${engine}`);
        const given = ['--secret', 'id=token,env=TOKEN', '--secret', `id=other,src=${file}`];
        const to = ['-o', `oci:${layout}`, '--compression', 'none'];
        const { stdout, stderr, exitCode } = await startCommand([app, '--engine', engine, ...given, ...to], {
          home,
          env: { ...env, TOKEN: 'sesame-8471' },
        });
        expect(exitCode, stderr).toBe(0);
        const log = await logs(home);
        expect(log).toContain('RUN --mount=type=secret,id=token');
        expect(stdout + stderr + log).not.toContain('sesame-8471');
        const found = await execa('grep', ['-rc', 'sesame-8471', layout], { reject: false });
        expect(found.stdout.split('\n').filter((line) => !line.endsWith(':0'))).toEqual([]);
        const list = `for file in ${layout}/blobs/sha256/*; do tar xOf $file length 2>/dev/null; done; true`;
        const { stdout: length } = await execa('sh', ['-c', list]);
        expect(length).toMatch(/11 \/run\/secrets\/token\n\s+5 \/elsewhere/);
      }, 60_000);
    }

    if (!secrets) {
      test('secrets, SSH and caches are refused before anything is built', async () => {
        const app = await dockerfileApp(`${SHELL}RUN --mount=type=secret,id=a true\n`);
        const { exitCode, error } = await failed(app, '--secret', 'id=a,env=HOME');
        expect(exitCode).toBe(1);
        expect(error.code).toBe('ENGINE_UNSUPPORTED');
        expect(error.message).toContain('Docker Engine 20.10');
        expect(error.message).toContain('secrets');
        expect((await failed(app, '--ssh', 'default')).error.message).toContain('ssh');
        const cache = await failed(app, '--cache-to', 'type=local,dest=x');
        expect(cache.error.message).toContain('cache export');
      });
    }
  });
}

async function processes(): Promise<readonly string[]> {
  return (await execa('ps', ['-eo', 'args'])).stdout.split('\n');
}

/** All that the runs of a home have logged. */
async function logs(home: string): Promise<string> {
  const folder = join(home, 'logs');
  if (!existsSync(folder)) await mkdir(folder);
  return (await execa('sh', ['-c', `cat ${folder}/*`])).stdout;
}
