/** Builds in a project's nix-shell, with the Nix of Debian 12 and a shell in the shape of mkShell. */
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { BuildResult } from '../../../src/plan/result.ts';
import { debianBase } from '../../helpers/base-image.ts';
import { type Docker, dockerEngine } from '../../helpers/docker.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine, putNixTools } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { processes } from '../../helpers/processes.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const FOLDER = { command: 'bash ./build-folder.sh', output: 'out' };
const ARCHIVE = { command: 'bash ./build-archive.sh', output: 'image.tar.gz' };

describeWith(['nix', 'bwrap', 'bash-static', 'busybox', 'python3', 'root'], 'a build in a nix-shell', () => {
  let machine: NixMachine;

  beforeAll(async () => {
    machine = await nixMachine();
  });

  /** The project with a build command in its dogwood.toml. */
  async function project(build: Readonly<Record<string, string>>, more = ''): Promise<string> {
    const folder = join(await temporaryFolder(), "it's a shell");
    await cp(join(import.meta.dirname, 'projects/shell'), folder, { recursive: true });
    await putNixTools(folder);
    const lines = Object.entries(build).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    await writeFile(join(folder, 'dogwood.toml'), `${more}\n[build]\n${lines.join('\n')}\n`);
    return folder;
  }

  async function build(
    source: string,
    changes: Partial<BuildRequest> = {},
    dockerHost?: string,
  ): Promise<{ readonly result: BuildResult; readonly events: readonly BuildEvent[] }> {
    const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'), {
      engineVariables: machine.variables,
      dockerHost,
    });
    return { result: await runBuild(buildRequest(source, changes), environment), events: environment.events };
  }

  const said = (events: readonly BuildEvent[]): readonly string[] =>
    events.flatMap((event) => (event.type === 'log' ? [event.line] : []));

  test('is a plan of its own: what runs, where, and where that was written', async () => {
    const source = await project(FOLDER);
    const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'), {
      engineVariables: machine.variables,
    });
    const { candidates, plan } = await planBuild(buildRequest(source), environment);
    expect(candidates.find(({ strategy }) => strategy === 'nix')).toMatchObject({
      chosen: true,
      reason: 'the build command of dogwood.toml runs in the nix-shell of shell.nix',
      evidence: ['dogwood.toml', 'shell.nix'],
    });
    expect(plan.details).toMatchObject({
      strategy: 'nix',
      build: {
        kind: 'shell',
        file: { value: 'shell.nix', from: 'shell.nix' },
        flake: false,
        command: { value: FOLDER.command, from: 'dogwood.toml' },
        output: { value: 'out', from: 'dogwood.toml' },
      },
    });
  });

  test('a folder gives the same layer every time, also by a flake’s devShell', async () => {
    const digests: string[] = [];
    for (const shell of ['shell.nix', 'shell.nix', 'flake.nix']) {
      const source = await project({ ...FOLDER, shell });
      const { result } = await build(source);
      expect(result).toMatchObject({ status: 'succeeded', layers: [{ origin: 'nix-shell' }] });
      if (result.status === 'succeeded') digests.push(result.image.digest);
    }
    expect(new Set(digests).size).toBe(1);
  });

  describeWith(['docker', 'debian-base'], 'in Docker', () => {
    let engine: Docker;
    beforeAll(async () => {
      engine = await dockerEngine();
    });

    async function answer(
      name: string,
      source: string,
      changes: Partial<BuildRequest> = {},
    ): Promise<BuildResult> {
      const output = `docker-daemon:${name}:latest`;
      const { result } = await build(source, { ...changes, output }, `unix://${engine.socket}`);
      expect(result).toMatchObject({ status: 'succeeded' });
      await engine.docker('run', '-d', '-p', '127.0.0.1::8080', '--name', name, `${name}:latest`);
      const url = `http://${await engine.docker('port', name, '8080')}/`;
      const text = async () => await (await fetch(url).catch(() => undefined))?.text();
      await expect.poll(text, { timeout: 20_000, interval: 100 }).toContain('hello from a nix-shell');
      await engine.docker('rm', '-f', name);
      return result;
    }

    test('a folder answers, over nothing', async () => {
      const result = await answer('nix-shell-folder', await project(FOLDER));
      expect(result).toMatchObject({ processes: {} });
    });

    test('a folder answers, over a base whose shell starts its processes', async () => {
      const base = await debianBase(join(await temporaryFolder(), 'base'));
      const result = await answer('nix-shell-based', await project(FOLDER), { base: `oci:${base.layout}` });
      expect(result).toMatchObject({ processes: { web: '/app/bin/httpd -f -p 8080 -h /app/srv' } });
    });

    test('an image archive answers', async () => {
      await answer('nix-shell-archive', await project(ARCHIVE));
    });
  });

  test('a program that needs the store is warned about', async () => {
    const source = await project({ command: 'mkdir out; echo "#!$tools/bin/bash" > out/run', output: 'out' });
    const { result } = await build(source);
    expect(result).toMatchObject({
      status: 'succeeded',
      warnings: expect.arrayContaining([
        {
          code: 'NIX_STORE_REFERENCE',
          message: expect.stringMatching(
            /^what the command left speaks of \/nix\/store\/[0-9a-z]{32}-tools, /,
          ),
        },
      ]),
    });
    const { result: plain } = await build(await project(FOLDER));
    expect(plain.status === 'succeeded' && plain.warnings).toEqual([]);
  });

  test('without a jail only where that was allowed', async () => {
    const source = await project({ command: 'mkdir out; cp /etc/hostname out/', output: 'out' });
    expect((await build(source)).result).toMatchObject({ error: { code: 'NIX_SHELL_FAILED' } });

    const { NIX_REMOTE: _, ...rest } = machine.variables;
    const home = await temporaryFolder();
    // A store that lies where it says: without a jail nobody can put it elsewhere.
    const places = {
      NIX_STORE_DIR: `${home}/store`,
      NIX_STATE_DIR: `${home}/state`,
      NIX_LOG_DIR: `${home}/log`,
    };
    const environment = pipelineEnvironment(join(home, 'home'), { engineVariables: { ...rest, ...places } });
    const request = buildRequest(source, { allow: ['nix-unsandboxed'] });
    expect(await runBuild(request, environment)).toMatchObject({ status: 'succeeded' });
  });

  test('the command sees the project’s copy, the store, and nothing else', async () => {
    const source = await project({ command: 'bash ./look-around.sh', output: 'out' });
    const { result, events } = await build(source);

    expect(result).toMatchObject({ status: 'failed', error: { code: 'NIX_SHELL_INVALID' } });
    expect(said(events)).toEqual(
      expect.arrayContaining([
        'root: bin build dev nix proc tmp usr',
        'devices: lo',
        'home: /tmp/home, work: /build, temporary: /tmp, epoch: 0, user: none',
        'store is read-only',
        'env works',
      ]),
    );
    expect(said(events)).not.toContain('sees the machine');
    // The source itself was not written to.
    const { stdout } = await execa('ls', ['-A', source]);
    expect(stdout.split('\n')).not.toContain('out');
  });

  test.each([
    [
      { command: 'echo one; echo two >&2; exit 7', output: 'out' },
      'NIX_SHELL_FAILED',
      /exit code 7: .*two$/s,
    ],
    [{ command: 'true', output: 'out' }, 'NIX_SHELL_FAILED', /left no out$/],
    [{ command: 'touch out', output: 'out' }, 'ARCHIVE_INVALID', /manifest\.json/],
    [{ command: 'ln -s /etc/passwd out', output: 'out' }, 'NIX_SHELL_INVALID', /leads out of the project$/],
    [
      { command: 'mkdir out; mkfifo out/pipe || busybox mkfifo out/pipe', output: 'out' },
      'NIX_SHELL_INVALID',
      /pipe$/,
    ],
    [{ command: 'true', output: 'out', shell: 'other.nix' }, 'NIX_SHELL_INVALID', /there is no other.nix/],
  ])('%j: %s', async (command, code, message) => {
    const { result } = await build(await project(command), { strategy: 'nix' });
    expect(result).toMatchObject({
      status: 'failed',
      error: { code, message: expect.stringMatching(message) },
    });
  });

  test('a shell that cannot be evaluated says where', async () => {
    const source = await project(FOLDER);
    await writeFile(join(source, 'shell.nix'), 'let x = { };\nin x.nothing\n');
    const { result } = await build(source);
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'NIX_EVALUATION_FAILED',
        message: expect.stringMatching(/at shell\.nix:2:4: attribute 'nothing' missing/),
      },
    });
  });

  test('called off, nothing of it is left running', async () => {
    const source = await project({ command: 'echo going to sleep; sleep 987656', output: 'out' });
    const controller = new AbortController();
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'), {
      engineVariables: machine.variables,
      signal: controller.signal,
      emit: (event) => event.type === 'log' && event.line === 'going to sleep' && resolve(),
    });
    const failing = expect(runBuild(buildRequest(source), environment)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    await begun;
    await expect.poll(() => processes(/sleep 987656/)).toContain('sleep 987656');
    controller.abort(new DogwoodError('CANCELLED', 'cancelled'));
    await failing;
    await expect.poll(() => processes(/^sleep 987656|bwrap.*sleep 987656/)).toEqual([]);
  });

  test('--nix-shell wants a build command', async () => {
    const source = await project(FOLDER);
    await rm(join(source, 'dogwood.toml'));
    const { result } = await build(source, { nixShell: 'shell.nix' });
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'NIX_SHELL_INVALID', hint: expect.stringContaining('dogwood.toml') },
    });
  });
});
