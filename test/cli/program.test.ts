import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PipelineLoader } from '../../src/cli/pipeline-loader.ts';
import { runProgram } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/cli/summaries.ts';
import { DogwoodError } from '../../src/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { PipelineEnvironment } from '../../src/pipeline/session/environment.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import type { BuildResult, ResultReference, SucceededBuild } from '../../src/plan/result.ts';
import { failureDocument, resultDocument } from './documents.ts';
import { createFakeHost } from './fake-host.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dogwood-cli-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const digest = digestOf('x');
const platform = { os: 'linux', architecture: 'amd64' };
const layer = { digest, diffId: digest, mediaType: 'm', size: 1_500, origin: 'slug' } as const;

const reference = (
  state: 'available' | 'failed',
  code?: 'REGISTRY_DENIED' | 'REGISTRY_UNREACHABLE',
): ResultReference => ({
  region: 'fra',
  state,
  reference: `r.example/app@${digest}`,
  tag: 'r.example/app:v1',
  uploadedBytes: 10,
  skippedBytes: 5,
  milliseconds: 100,
  error: code === undefined ? null : { code, message: 'no \x1b[2J', hint: 'h', step: 'push' },
});

const succeeded = (references: readonly ResultReference[] = []): SucceededBuild => ({
  schemaVersion: 1,
  status: 'succeeded',
  strategy: 'slug',
  image: { digest, mediaType: 'm', size: 5, platform },
  platforms: [{ platform, digest, config: { digest }, layers: [layer] }],
  config: { digest },
  layers: [layer],
  processes: { web: 'node \x1b]0;x\x07server.js' },
  references,
  timings: { detect: 1, build: 2, push: 3, total: 1_234 },
  warnings: [],
});

type Build = (request: BuildRequest, environment: PipelineEnvironment) => Promise<BuildResult>;

/** Runs the program with a build that is made up. */
async function run(words: readonly string[], build: Build = async () => succeeded(), more: object = {}) {
  const pipeline: Partial<PipelineLoader> = { runBuild: async () => build };
  const { host, texts } = createFakeHost({ arguments: words, userHome: folder, pipeline, ...more });
  return { exitCode: await runProgram(host), ...texts };
}

/** The request that some flags make. */
async function requestOf(words: readonly string[], environment: Record<string, string> = {}) {
  let request: BuildRequest | undefined;
  const result = await run(
    words,
    async (made) => {
      request = made;
      return succeeded();
    },
    { environment },
  );
  return { request, ...result };
}

describe('which command', () => {
  test('no word, a path, a flag and -- mean build', async () => {
    for (const words of [[], ['./app'], ['--rebuild'], ['--', 'plan'], ['app.tgz'], ['-'], [folder]]) {
      expect((await requestOf(words)).request?.source).toBe(words.find((word) => !/^--/.test(word)) ?? '.');
    }
  });

  test('an unknown one gives exit code 2 and a suggestion', async () => {
    expect(await run(['psuh', 'a', 'b'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'error[USAGE]: psuh is neither a command nor a path here\nhint: Did you mean `build push`?\n',
    });
  });

  test.each(['serve', 'worker', 'rebase', 'rollout', 'completion', 'submit', 'token'])(
    '%s is not there yet, and not shown',
    async (name) => {
      expect((await run([name, 'x'])).exitCode).toBe(2);
      expect((await run(['--help'])).stdout).not.toContain(`build ${name}`);
    },
  );

  test('help names every command, and each has its own', async () => {
    const { exitCode, stdout, stderr } = await run(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const { name } of COMMANDS) {
      expect(stdout).toContain(`build ${name}`);
      const own = await run([name, '--help']);
      expect(own.exitCode).toBe(0);
      expect(own.stdout).toContain(`Usage: build ${name}`);
      expect((await run(['help', name])).stdout).toBe(own.stdout);
    }
    expect((await run(['help', 'build'])).stdout).toBe(stdout);
    expect(await run(['help', 'biuld'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await run(['--version'])).stdout).toBe('1.2.3\n');
  });
});

describe('wrong usage', () => {
  test.each([
    [['--secret', 'src=x'], '--secret "": write it as id=NAME'],
    [['--secret', 'id=x,src=a,env=b'], '--secret "x": write it as id=NAME'],
    [['--secret', 'id=x,value=s3cret'], '--secret "x": write it as id=NAME'],
    [['--allow', 'everything'], '--allow "everything": there are remote-frontend,'],
    [['--build-arg', 'A-B=1'], '--build-arg "A-B"'],
    [['--sign', 'key'], "unknown option '--sign'"],
    [['--engine', 'kaniko'], "option '--engine <name>' argument 'kaniko' is invalid"],
    [['--strategy', 'magic'], "option '--strategy <name>' argument 'magic' is invalid"],
    [['--platform', 'linux'], 'not a platform: "linux"'],
    [['--timeout', 'soon'], '--timeout "soon"'],
    [['--process', 'web'], '--process "web"'],
    [['--process', 'a b=c'], '--process "a b"'],
    [['--env', 'A-B=secret'], '--env "A-B"'],
    [['--env', 'NOT_SET'], '--env "NOT_SET": it is not set in the environment'],
    [['--limit', 'maxMembers=many'], '--limit "maxMembers=many"'],
    [['--label', 'x'], '--label "x"'],
    [['--insecure-registry', 'http://x'], '--insecure-registry "http://x"'],
    [['.', 'two'], 'too many arguments'],
    [['push', 'local:x'], "missing required argument 'REF'"],
    [['copy', 'local:x'], "missing required argument 'TO'"],
    [['inspect'], "missing required argument 'IMAGE'"],
    [['run', 'x', 'web', 'more'], 'too many arguments'],
    [['run', 'x', 'web', '--', 'ls'], 'give a process type or a command, not both'],
    [['run', 'x', '--'], 'there is no command behind --'],
    [['run', 'x', '--port', '0'], '--port "0"'],
  ])('%j', async (words, message) => {
    const { exitCode, stdout, stderr } = await run([...words]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`error[USAGE]: ${message}`);
    expect(stderr).toMatch(/\nhint: .+\n/);
    expect(stderr).not.toContain('secret"');
  });

  test('with --json the failure document is on standard output too', async () => {
    const { exitCode, stdout, stderr } = await run(['--json', '--nope']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error[USAGE]');
    expect(failureDocument.parse(JSON.parse(stdout)).error).toMatchObject({ code: 'USAGE', step: null });
    expect((await run(['--nope', '--', '--json'])).stdout).toBe('');
  });
});

describe('the request', () => {
  test('nothing said', async () => {
    expect((await requestOf([])).request).toEqual({
      source: '.',
      strategy: 'auto',
      destinations: [],
      regions: [],
      quorum: 'all',
      output: undefined,
      base: undefined,
      stack: undefined,
      stackImages: {},
      processes: {},
      env: {},
      file: undefined,
      target: undefined,
      contexts: {},
      buildArgs: {},
      secrets: [],
      ssh: [],
      engine: 'auto',
      cacheFrom: [],
      cacheTo: [],
      builder: undefined,
      attribute: undefined,
      nixShell: undefined,
      allow: [],
      tenant: 'local',
      labels: {},
      platform,
      compression: 'keep',
      layer: 'auto',
      hasMounts: false,
      rebuild: false,
      epoch: 0,
      limits: {},
    });
  });

  test('every flag', async () => {
    await writeFile(join(folder, 'x.env'), 'A=file\nB="two\\nlines"');
    const words = ['app.tgz', '-t', 'fra=r.example/app:v1', '--tag', 's.example/app', '-o', 'oci:out'];
    words.push('--strategy', 'slug', '--base', 'scratch', '--stack', 'heroku-24', '--process', 'web=a=b c');
    words.push('--env', 'A=flag', '--env', 'OURS', '--env-file', join(folder, 'x.env'), '--label', 'a=b');
    words.push('--platform', 'linux/arm64', '--compression', 'zstd', '--layer', 'canonical', '--rebuild');
    words.push('--limit', 'maxTotalBytes=2G', '--limit', 'maxMembers=3');
    words.push('--build-context', 'base:1=oci:base');
    words.push('-f', 'docker/Dockerfile', '--target', 'web', '--build-arg', 'X=1', '--build-arg', 'OURS');
    words.push('--secret', 'id=a,src=/s', '--secret', 'id=b,env=B', '--secret', 'id=C', '--ssh', 'default');
    words.push('--engine', 'buildkit', '--cache-from', 'type=local,src=c', '--cache-to', 'type=inline');
    words.push(
      '--builder',
      'b/b:1',
      '--attr',
      'image',
      '--nix-shell',
      'shell.nix',
      '--allow',
      'trust-builder',
    );
    const { request } = await requestOf(words, { OURS: 'here', SOURCE_DATE_EPOCH: '1700000000' });
    expect(request).toEqual({
      source: 'app.tgz',
      strategy: 'slug',
      destinations: [{ region: 'fra', reference: 'r.example/app:v1' }, { reference: 's.example/app' }],
      regions: [],
      quorum: 'all',
      output: 'oci:out',
      base: 'scratch',
      stack: 'heroku-24',
      stackImages: {},
      processes: { web: 'a=b c' },
      env: { A: 'flag', B: 'two\nlines', OURS: 'here' },
      file: 'docker/Dockerfile',
      target: 'web',
      buildArgs: { X: '1', OURS: 'here' },
      contexts: { 'base:1': 'oci:base' },
      secrets: [
        { id: 'a', from: { kind: 'file', path: '/s' } },
        { id: 'b', from: { kind: 'env', name: 'B' } },
        { id: 'C', from: { kind: 'env', name: 'C' } },
      ],
      ssh: ['default'],
      engine: 'buildkit',
      cacheFrom: ['type=local,src=c'],
      cacheTo: ['type=inline'],
      builder: 'b/b:1',
      attribute: 'image',
      nixShell: 'shell.nix',
      allow: ['trust-builder'],
      tenant: 'local',
      labels: { a: 'b' },
      platform: { os: 'linux', architecture: 'arm64' },
      compression: 'zstd',
      layer: 'canonical',
      hasMounts: false,
      rebuild: true,
      epoch: 1_700_000_000,
      limits: { maxTotalBytes: 2 * 1024 ** 3, maxMembers: 3 },
    });
  });

  test.each(['soon', '-1', '1.5', '99999999999999'])('SOURCE_DATE_EPOCH %s is refused', async (epoch) => {
    const { exitCode, stderr } = await requestOf([], { SOURCE_DATE_EPOCH: epoch });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('SOURCE_DATE_EPOCH');
  });

  test('an --env-file that is not there, or wrong', async () => {
    const missing = await requestOf(['--env-file', join(folder, 'none')]);
    expect(missing.stderr).toContain('error[SOURCE_NOT_FOUND]');
    expect(missing.exitCode).toBe(1);
    await writeFile(join(folder, 'bad.env'), 'A=1\nwhat');
    const bad = await requestOf(['--env-file', join(folder, 'bad.env')]);
    expect(bad.stderr).toContain('bad.env:2: no NAME=VALUE');
    expect(bad.exitCode).toBe(2);
  });

  test('the config file fills in what no flag says', async () => {
    const text = '[stacks]\n"heroku-24" = "m/h:24"\n[limits]\nmaxMembers = 5\nmaxPathBytes = 9\n';
    const environment = { XDG_CONFIG_HOME: folder };
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(folder, 'dogwood'));
    await writeFile(join(folder, 'dogwood', 'config.toml'), `insecure-registries = ["a:1"]\n${text}`);
    const { request } = await requestOf(['--limit', 'maxMembers=7'], environment);
    expect(request).toMatchObject({
      stackImages: { 'heroku-24': 'm/h:24' },
      limits: { maxMembers: 7, maxPathBytes: 9 },
    });
    let seen: readonly string[] = [];
    await run(
      ['--insecure-registry', 'b:2'],
      async (_request, { insecureRegistries }) => {
        seen = insecureRegistries;
        return succeeded();
      },
      { environment },
    );
    expect(seen).toEqual(['b:2', 'a:1']);
    await writeFile(join(folder, 'dogwood', 'config.toml'), 'oops');
    const broken = await requestOf(['--json'], environment);
    expect(broken.exitCode).toBe(2);
    expect(failureDocument.parse(JSON.parse(broken.stdout)).error.message).toContain('config.toml:1: ');
  });
});

describe('results', () => {
  test('for people', async () => {
    const { exitCode, stdout, stderr } = await run([], async () => succeeded([reference('available')]));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(digest);
    expect(stdout).toContain('1.5 kB');
    expect(stdout).toContain('Available  fra: r.example/app:v1 (10 B sent, 5 B there already)');
    expect(stdout).not.toContain('\x1b');
  });

  test('as the document', async () => {
    const { stdout } = await run(['--json'], async () => succeeded([reference('failed', 'REGISTRY_DENIED')]));
    expect(resultDocument.parse(JSON.parse(stdout))).toEqual(
      succeeded([reference('failed', 'REGISTRY_DENIED')]),
    );
  });

  const ok = reference('available');
  const denied = reference('failed', 'REGISTRY_DENIED');
  const down = reference('failed', 'REGISTRY_UNREACHABLE');
  test.each([
    [['all'], [ok, ok], 0],
    [['all'], [ok, down], 3],
    [['all'], [ok, denied], 3],
    [['all'], [denied, denied], 4],
    [['all'], [denied, down], 3],
    [['any'], [ok, down], 0],
    [['any'], [down, down], 3],
    [['1'], [ok, down], 0],
    [['2'], [ok, down], 3],
  ])('--quorum %j', async ([quorum = ''], references, exitCode) => {
    const words = ['--quorum', quorum, '-t', 'a/b', '-t', 'c/d'];
    expect((await run(words, async () => succeeded(references))).exitCode).toBe(exitCode);
  });
});

describe('failures', () => {
  const failed: BuildResult = {
    schemaVersion: 1,
    status: 'failed',
    error: { code: 'TAR_DEVICE', message: 'app/\x1b[31mx is a device', hint: 'Leave it out.', step: 'build' },
  };

  test('of the user come back as a result', async () => {
    const { exitCode, stdout, stderr } = await run(['--json'], async () => failed);
    expect(exitCode).toBe(1);
    expect(failureDocument.parse(JSON.parse(stdout))).toEqual(failed);
    // Nothing was logged but this, so no log is pointed to.
    expect(stderr).toBe('error[TAR_DEVICE]: app/\\x1b[31mx is a device\nhint: Leave it out.\n');
  });

  test('of the machine are thrown; the document names the step', async () => {
    const { exitCode, stdout, stderr } = await run(['--json'], async (_request, { emit }) => {
      emit({ type: 'step', step: 'push', state: 'started' });
      throw new DogwoodError('REGISTRY_UNREACHABLE', 'r.example does not answer');
    });
    expect(exitCode).toBe(3);
    expect(failureDocument.parse(JSON.parse(stdout)).error).toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      step: 'push',
    });
    expect(stderr).toContain('error[REGISTRY_UNREACHABLE]: r.example does not answer\n');
  });

  test('the log holds all of it, and its path is printed', async () => {
    const { exitCode, stderr } = await run([], async (_request, { emit, logger }) => {
      emit({ type: 'step', step: 'build', state: 'started' });
      emit({ type: 'note', step: 'build', message: 'noted' });
      logger.debug('deep', { why: 1 });
      throw new TypeError('oops');
    });
    expect(exitCode).toBe(70);
    expect(stderr).toContain('error[INTERNAL]: oops\n');
    const path = /^log: (.+)$/m.exec(stderr)?.[1] ?? '';
    expect(path.startsWith(join(folder, '.local/share/dogwood/logs'))).toBe(true);
    const log = await readFile(path, 'utf8');
    for (const part of ['build: noted', 'debug deep {"why":1}', 'error[INTERNAL]: oops', 'TypeError: oops']) {
      expect(log).toContain(part);
    }
  });

  test('--progress json keeps standard error to events, the failure among them', async () => {
    const { stdout, stderr } = await run(['--progress', 'json'], async (_request, { emit }) => {
      emit({ type: 'step', step: 'push', state: 'started' });
      throw new DogwoodError('REGISTRY_DENIED', 'no');
    });
    expect(stdout).toBe('');
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; result?: unknown });
    expect(events.map(({ type }) => type)).toEqual(['step', 'result']);
    expect(failureDocument.parse(events[1]?.result).error.code).toBe('REGISTRY_DENIED');
  });

  test('no home folder is said when one is needed', async () => {
    const { exitCode, stderr } = await run(
      [],
      async (_request, { home }) => Promise.reject(new Error(home)),
      {
        userHome: undefined,
      },
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Set DOGWOOD_HOME');
    expect(stderr).not.toContain('log:');
  });
});

describe('an end from outside', () => {
  const untilAborted: Build = (_request, { signal }) =>
    new Promise((_resolve, reject) => {
      const stop = () => reject(new DOMException('aborted', 'AbortError'));
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
    });

  test('--timeout ends with 124', async () => {
    const { exitCode, stdout, stderr } = await run(['--timeout', '20ms', '--json'], untilAborted);
    expect(exitCode).toBe(124);
    expect(failureDocument.parse(JSON.parse(stdout)).error.code).toBe('TIMEOUT');
    expect(stderr).toContain('error[TIMEOUT]: not done within 0.02 s');
  });

  test('an interrupt ends with 130, also when the pipeline makes a result of it', async () => {
    for (const build of [
      untilAborted,
      async (...words: Parameters<Build>): Promise<BuildResult> => {
        await untilAborted(...words).catch(() => {});
        const error = { code: 'TAR_TRUNCATED', message: 'cut', hint: 'h', step: 'build' } as const;
        return { schemaVersion: 1, status: 'failed', error };
      },
    ]) {
      const controller = new AbortController();
      const running = run(['--json'], build, { interrupted: controller.signal });
      setImmediate(() => controller.abort(new DogwoodError('CANCELLED', 'cancelled by SIGINT')));
      const { exitCode, stdout } = await running;
      expect(exitCode).toBe(130);
      expect(failureDocument.parse(JSON.parse(stdout)).error.code).toBe('CANCELLED');
    }
  });
});

describe('progress', () => {
  const eventful: Build = async (_request, { emit }) => {
    emit({ type: 'step', step: 'build', state: 'started' });
    emit({ type: 'step', step: 'build', state: 'finished' });
    return succeeded();
  };

  test.each([
    [{}, { isTTY: true }, true],
    [{ NO_COLOR: '1' }, { isTTY: true }, false],
    [{ NO_COLOR: '' }, { isTTY: true }, true],
    [{ TERM: 'dumb' }, { isTTY: true }, false],
    [{}, { isTTY: false }, false],
  ])('%j on %j draws: %s', async (environment, stderr, draws) => {
    const result = await run([], eventful, { environment, stderr });
    expect(result.stderr.includes('\x1b[')).toBe(draws);
    expect(result.stderr).toContain('build: done in 0.0 s');
  });

  test('the flag decides over the surroundings', async () => {
    const tty = await run(['--progress', 'tty'], eventful, { environment: { NO_COLOR: '1' } });
    expect(tty.stderr).toContain('\x1b[0J');
    expect(tty.stderr).not.toContain('\x1b[32m');
    const plain = await run(['--progress', 'plain'], eventful, { stderr: { isTTY: true } });
    expect(plain.stderr).toBe('build: done in 0.0 s\n');
  });
});
