/** Real builds with the Nix of Debian 12, of derivations in the shapes of dockerTools (see stand-in/docker-tools.nix). */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { BuildResult, SucceededBuild } from '../../../src/plan/result.ts';
import { type Docker, dockerEngine } from '../../helpers/docker.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine, onDisk, putNixTools } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { processes } from '../../helpers/processes.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const PROJECTS = join(import.meta.dirname, 'projects');

/** A project of the test's own: one of `projects`, with bash, busybox and python3 in `tools`. */
async function project(name: string, folder?: string): Promise<string> {
  const target = folder ?? join(await temporaryFolder(), name);
  await cp(join(PROJECTS, name), target, { recursive: true });
  await putNixTools(target);
  return target;
}

describeWith(['nix', 'bwrap', 'bash-static', 'busybox', 'python3', 'root'], 'Nix', () => {
  let machine: NixMachine;
  let flake: string;

  beforeAll(async () => {
    machine = await nixMachine();
    flake = await project('flake', join(await temporaryFolder(), 'a flake #1'));
  });

  async function build(
    source: string,
    changes: Partial<BuildRequest> = {},
    more: {
      readonly signal?: AbortSignal;
      readonly on?: NixMachine;
      readonly variables?: Readonly<Record<string, string>>;
      readonly emit?: (event: BuildEvent) => void;
      readonly dockerHost?: string;
    } = {},
  ): Promise<{ readonly result: BuildResult; readonly events: readonly BuildEvent[] }> {
    const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'), {
      engineVariables: more.variables ?? (more.on ?? machine).variables,
      ...(more.signal ? { signal: more.signal } : {}),
      ...(more.dockerHost ? { dockerHost: more.dockerHost } : {}),
    });
    const emit = (event: BuildEvent): void => {
      environment.emit(event);
      more.emit?.(event);
    };
    const result = await runBuild(buildRequest(source, changes), { ...environment, emit });
    return { result, events: environment.events };
  }

  async function built(
    source: string,
    changes: Partial<BuildRequest> = {},
    on?: NixMachine,
  ): Promise<SucceededBuild> {
    const { result } = await build(source, changes, on ? { on } : {});
    if (result.status !== 'succeeded') throw new Error(JSON.stringify(result.error));
    return result;
  }

  /** What Nix itself has built of an attribute. */
  async function outputOf(source: string, installable: readonly string[]): Promise<string> {
    const args = [
      '--extra-experimental-features',
      'nix-command flakes',
      'build',
      '--json',
      '--no-link',
      ...installable,
    ];
    const { stdout } = await execa('nix', args, { cwd: source, env: machine.variables, extendEnv: false });
    return JSON.parse(stdout)[0].outputs.out;
  }

  /** The plain archive that an output is, or writes: Debian's skopeo 1.9 reads none in gzip. */
  async function archiveOf(output: string, folder: string): Promise<string> {
    const [archive, path] = [join(folder, 'archive.tar'), await onDisk(output, machine)];
    const jail = ['--unshare-all', '--ro-bind', `${machine.root}/nix/store`, '/nix/store', '--tmpfs', '/tmp'];
    if (path.endsWith('.gz')) await execa('gzip', ['-dc', path], { stdout: { file: archive } });
    else await execa('bwrap', [...jail, output], { stdout: { file: archive } });
    return archive;
  }

  describe('images', () => {
    const CASES = [
      { kind: 'buildLayeredImage', installable: ['path:.#layered'], attribute: 'layered' },
      { kind: 'streamLayeredImage', installable: ['path:.#stream'], attribute: 'stream' },
      { kind: 'buildImage', installable: ['-f', './default.nix'], attribute: undefined },
    ] as const;

    describeWith(['skopeo'], 'beside skopeo', ({ skopeo }) => {
      test.each(CASES)(
        '$kind: the same diffIDs, and the id that the archive says',
        async ({ installable, attribute }) => {
          const source = attribute === undefined ? await project('plain') : flake;
          const result = await built(source, attribute === undefined ? {} : { attribute });

          const folder = await temporaryFolder();
          const archive = await archiveOf(await outputOf(source, installable), folder);
          const to = `oci:${folder}/copy:latest`;
          const args = ['copy', '--dest-oci-accept-uncompressed-layers', `docker-archive:${archive}`, to];
          await execa(skopeo, args, { env: { HOME: folder, XDG_RUNTIME_DIR: folder } });
          const { stdout } = await execa(skopeo, ['inspect', '--config', `oci:${folder}/copy:latest`]);
          const index = JSON.parse(await readFile(join(folder, 'copy/index.json'), 'utf8'));
          const blob = (digest: string) =>
            readFile(join(folder, 'copy/blobs/sha256', digest.slice(7)), 'utf8');
          const manifest = JSON.parse(await blob(index.manifests[0].digest));
          const saved = JSON.parse((await execa('tar', ['-xOf', archive, 'manifest.json'])).stdout);

          expect(result.layers?.map(({ diffId }) => diffId)).toEqual(JSON.parse(stdout).rootfs.diff_ids);
          expect(result.layers?.map(({ digest }) => digest)).toEqual(
            manifest.layers.map(({ digest }: { digest: string }) => digest),
          );
          expect(result.config?.digest).toBe(`sha256:${saved[0].Config.replace('.json', '')}`);
        },
      );
    });

    test.each(CASES)('$kind: another machine builds the same digest', async ({ attribute }) => {
      const source = attribute === undefined ? await project('plain') : flake;
      const changes = { ...(attribute === undefined ? {} : { attribute }), compression: 'gzip' } as const;
      const [here, there] = [await built(source, changes), await built(source, changes, await nixMachine())];

      expect(here.image.digest).toBe(there.image.digest);
      expect(here.layers?.every(({ mediaType }) => mediaType.endsWith('tar+gzip'))).toBe(true);
    });

    describeWith(['docker'], 'in Docker', () => {
      let engine: Docker;
      beforeAll(async () => {
        engine = await dockerEngine();
      });

      test.each(CASES)('$kind answers', async ({ kind, attribute }) => {
        const source = attribute === undefined ? await project('plain') : flake;
        const name = `nix-${kind.toLowerCase()}`;
        const output = `docker-daemon:${name}:latest`;
        const changes = { ...(attribute === undefined ? {} : { attribute }), output };
        const { result } = await build(source, changes, { dockerHost: `unix://${engine.socket}` });
        expect(result).toMatchObject({ status: 'succeeded' });

        await engine.docker('run', '-d', '-p', '127.0.0.1::8080', '--name', name, `${name}:latest`);
        const url = `http://${await engine.docker('port', name, '8080')}/`;
        const answer = async () => await (await fetch(url).catch(() => undefined))?.text();
        await expect
          .poll(answers(answer), { timeout: 20_000, interval: 100 })
          .toBe(attribute === undefined ? 'hello from a plain file\n' : 'hello from nix\n');
        await engine.docker('rm', '-f', name);
        // Kept with the config: skopeo would have dropped it.
        const check = await engine.docker(
          'inspect',
          '--format',
          '{{json .Config.Healthcheck}}',
          `${name}:latest`,
        );
        expect(check).toBe(attribute === undefined ? 'null' : '{"Test":["CMD","/bin/true"]}');
      });
    });

    test('each derivation is a task, with what its builder said; a second build has only a cached one', async () => {
      const on = await nixMachine();
      const first = await build(flake, { attribute: 'layered' }, { on });
      const tasks = (events: readonly BuildEvent[]) =>
        events.flatMap((event) => (event.type === 'task' ? [`${event.name} ${event.state}`] : []));
      expect(tasks(first.events)).toEqual(
        expect.arrayContaining([
          'site started',
          'site finished',
          'layered.tar.gz started',
          'layered.tar.gz finished',
        ]),
      );
      const said = first.events.find((event) => event.type === 'log' && event.line === 'Done.');
      expect(said).toMatchObject({ task: expect.stringMatching(/-layered\.tar\.gz\.drv$/) });

      expect(tasks((await build(flake, { attribute: 'layered' }, { on })).events)).toEqual([
        'layered.tar.gz cached',
      ]);
    });
  });

  describe('what a project does wrong', () => {
    test.each([
      [
        'fails',
        'NIX_BUILD_FAILED',
        /^docker-image-fails\.tar\.gz failed with exit code 3.*first line\n {2}no compiler here$/s,
      ],
      ['broken', 'NIX_EVALUATION_FAILED', /at flake\.nix:\d+:\d+: attribute 'nowhere' missing$/],
      [
        'nope',
        'NIX_ATTRIBUTE_NOT_FOUND',
        /^there is no nope of flake\.nix; there is .*packages\.x86_64-linux\.stream/,
      ],
      ['described', 'NIX_OUTPUT_UNUSABLE', /nix2container/],
      ['site', 'NIX_OUTPUT_UNUSABLE', /a folder, an ordinary package/],
      ['text', 'NIX_OUTPUT_UNUSABLE', /neither an image archive nor a program/],
      ['escape', 'NIX_OUTPUT_UNUSABLE', /leads out of the Nix store$/],
      [
        'badStream',
        'NIX_BUILD_FAILED',
        /^stream-bad, which writes the image, failed with exit code 5.*the disk is gone$/s,
      ],
      ['endless', 'TAR_HEADER_INVALID', /this is no tar/],
      ['arm', 'NIX_PLATFORM_UNAVAILABLE', /aarch64-linux/],
      ['reads', 'NIX_EVALUATION_FAILED', /reads what is not the project's: .*\/etc\/passwd/],
      ['fetches', 'NIX_EVALUATION_FAILED', /reads what is not the project's: .*169\.254\.169\.254/],
      ['imports', 'NIX_EVALUATION_FAILED', /builds something while it is evaluated$/],
    ])('%s: %s', async (attribute, code, message) => {
      const { result, events } = await build(flake, { attribute }).catch((error: unknown) => {
        // Of the machine, so thrown.
        if (!(error instanceof DogwoodError)) throw error;
        return { result: { status: 'failed', error }, events: [] };
      });

      expect(result).toMatchObject({
        status: 'failed',
        error: { code, message: expect.stringMatching(message) },
      });
      const states = events.flatMap((event) => (event.type === 'task' ? [event.state] : []));
      if (code === 'NIX_BUILD_FAILED') expect(states.at(-1)).toBe('failed');
    });

    test('several images and nobody says which', async () => {
      const { result } = await build(flake);
      expect(result).toMatchObject({
        status: 'failed',
        error: {
          code: 'NIX_ATTRIBUTE_AMBIGUOUS',
          message: expect.stringContaining('packages.x86_64-linux.layered, '),
          hint: expect.stringContaining('--attr'),
        },
      });
    });

    test('what was allowed by name is done', async () => {
      const { result } = await build(flake, { attribute: 'imports', allow: ['nix-import-from-derivation'] });
      expect(result).toMatchObject({ status: 'failed', error: { code: 'NIX_OUTPUT_UNUSABLE' } });
    });
  });

  test('a stream script sees the store, which it cannot write to, and nothing else', async () => {
    const { result, events } = await build(flake, { attribute: 'curious' });

    expect(result).toMatchObject({ status: 'failed', error: { code: 'NIX_BUILD_FAILED' } });
    const lines = events.flatMap((event) => (event.type === 'log' ? [event.line] : []));
    expect(lines).toContain('root: dev nix proc tmp ');
    expect(lines).toContain('devices: lo');
    expect(lines).toContain('home: /homeless-shelter');
    expect(lines).toContain('store is read-only');
    expect(lines).not.toContain('sees the machine');
  });

  describe('inputs', () => {
    const write = async (inputs: string, lock?: unknown): Promise<string> => {
      const source = await temporaryFolder();
      const outputs =
        'outputs = { self, dep }: { packages.x86_64-linux.default = dep.dockerTools.buildImage { }; };';
      await writeFile(join(source, 'flake.nix'), `{ ${inputs}\n  ${outputs}\n}\n`);
      if (lock !== undefined) await writeFile(join(source, 'flake.lock'), JSON.stringify(lock));
      return source;
    };
    const locked = (node: unknown) => ({
      version: 7,
      root: 'root',
      nodes: { root: { inputs: { dep: 'dep' } }, dep: node },
    });

    test.each([
      [
        'that no lock file pins',
        'inputs.dep.url = "github:owner/name";',
        undefined,
        /does not pin the input dep$/,
      ],
      [
        'of a place that is not allowed',
        'inputs.dep.url = "https://user:secret@169.254.169.254/x.tar.gz?token=1";',
        locked({ locked: { type: 'tarball', url: 'https://github.com/a.tar.gz', narHash: 'sha256-x' } }),
        /not allowed: https:\/\/169\.254\.169\.254\/x\.tar\.gz$/,
      ],
      [
        'that the lock file pins elsewhere',
        'inputs.dep.url = "github:owner/name";',
        locked({ locked: { type: 'git', url: 'file:///root', rev: '0'.repeat(40) } }),
        /not allowed: file:\/\/\/root$/,
      ],
      [
        'of this machine',
        'inputs.dep.url = "path:/etc";',
        locked({ locked: { type: 'path', path: '/etc', narHash: 'sha256-x' } }),
        /not allowed/,
      ],
    ])('one %s is not fetched', async (_name, inputs, lock, message) => {
      const source = await write(inputs, lock);
      const { result } = await build(source);
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'NIX_INPUT_REFUSED', message: expect.stringMatching(message) },
      });
    });
  });

  describe('an end before the end', () => {
    const sleepers = () => processes(/sleep 98765[45]$/);

    test.each([
      ['sleeps', 'going to sleep', new DogwoodError('CANCELLED', 'cancelled'), 'CANCELLED'],
      ['sleeps', 'going to sleep', new DogwoodError('TIMEOUT', 'the time limit was reached'), 'TIMEOUT'],
      ['sleepyStream', 'streaming slowly', new DogwoodError('CANCELLED', 'cancelled'), 'CANCELLED'],
    ])('%s: nothing is left running', async (attribute, line, reason, code) => {
      const controller = new AbortController();
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      const emit = (event: BuildEvent): void => {
        if (event.type === 'log' && event.line === line) resolve();
      };
      const failing = expect(
        build(flake, { attribute }, { signal: controller.signal, emit }).then(({ result }) =>
          Promise.reject(result.status === 'failed' ? result.error : result),
        ),
      ).rejects.toMatchObject({ code });
      await begun;
      await expect.poll(sleepers).not.toEqual([]);
      controller.abort(reason);
      await failing;
      await expect.poll(sleepers).toEqual([]);
    });
  });

  describe('a machine that cannot', () => {
    /** A PATH on which `nix` is the real one in a user namespace that may make no further namespaces. */
    async function withoutNamespaces(): Promise<Readonly<Record<string, string>>> {
      const bin = await temporaryFolder();
      const limits = ['user', 'mnt', 'pid'].map((name) => `echo 0 > /proc/sys/user/max_${name}_namespaces`);
      const inner = `${limits.join('; ')}; exec "$@"`;
      const script = `#!/bin/sh\nexec unshare -Ur sh -c '${inner}' sh /usr/bin/nix "$@"\n`;
      await writeFile(join(bin, 'nix'), script, { mode: 0o755 });
      return { ...machine.variables, PATH: `${bin}:${machine.variables.PATH}` };
    }

    test('make a sandbox says so, and builds without one only when it was allowed', async () => {
      const home = await temporaryFolder();
      const { NIX_REMOTE: _, ...rest } = await withoutNamespaces();
      // No chroot store, for that needs namespaces as well.
      const variables = { ...rest, NIX_STORE_DIR: join(home, 'store'), NIX_STATE_DIR: join(home, 'state') };
      await expect(build(flake, { attribute: 'layered' }, { variables })).rejects.toMatchObject({
        code: 'NIX_SANDBOX_UNAVAILABLE',
        hint: expect.stringContaining('--allow nix-unsandboxed'),
      });

      const allow = ['nix-unsandboxed'] as const;
      const streamed = await build(flake, { attribute: 'stream', allow }, { variables });
      expect(streamed.result).toMatchObject({ status: 'succeeded' });
    });

    test('jail a stream script refuses it', async () => {
      const variables = { ...machine.variables, PATH: await onlyNix() };
      await expect(build(flake, { attribute: 'stream' }, { variables })).rejects.toMatchObject({
        code: 'NIX_SANDBOX_UNAVAILABLE',
        message: expect.stringContaining('bubblewrap'),
      });
    });

    test('run Nix at all says what to install, and what else would do', async () => {
      const source = await project('plain');
      await writeFile(join(source, 'package.json'), '{}');
      const variables = { ...machine.variables, PATH: await temporaryFolder() };
      await expect(build(source, {}, { variables })).rejects.toMatchObject({
        code: 'ENGINE_MISSING',
        hint: expect.stringMatching(/nix-bin.*--strategy buildpacks/),
      });
    });

    async function onlyNix(): Promise<string> {
      const bin = await temporaryFolder();
      await writeFile(join(bin, 'nix'), '#!/bin/sh\nexec /usr/bin/nix "$@"\n', { mode: 0o755 });
      return bin;
    }
  });
});

const answers = <T>(ask: () => Promise<T>): (() => Promise<T>) => ask;
