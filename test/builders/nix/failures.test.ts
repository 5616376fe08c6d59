/** What goes wrong with Nix builds: in the project, on the machine, and by ending them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { processes } from '../../helpers/processes.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { type BuildSettings, build as buildWith, project } from './building.ts';

describeWith(['nix', 'bwrap', 'bash-static', 'busybox', 'python3', 'root'], 'a Nix build', () => {
  let machine: NixMachine;
  let flake: string;
  let faulty: string;

  beforeAll(async () => {
    machine = await nixMachine();
    flake = await project('flake', join(await temporaryFolder(), 'flake'));
    faulty = await project('faulty', join(await temporaryFolder(), 'faulty'));
  });

  const environmentOf = (home: string) =>
    pipelineEnvironment(join(home, 'home'), { engineVariables: machine.variables });
  const build = (source: string, changes: Partial<BuildRequest> = {}, more: Partial<BuildSettings> = {}) =>
    buildWith(source, changes, { variables: machine.variables, ...more });

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

    test.each([
      ['reads', 'NIX_EVALUATION_FAILED', /reads what is not the project's: .*\/etc\/passwd/],
      ['fetches', 'NIX_EVALUATION_FAILED', /reads what is not the project's: .*169\.254\.169\.254/],
      ['imports', 'NIX_EVALUATION_FAILED', /builds something while it is evaluated$/],
    ])('%s: %s, and spoils no other attribute', async (attribute, code, message) => {
      const { result } = await build(faulty, { attribute });
      expect(result).toMatchObject({ error: { code, message: expect.stringMatching(message) } });
      const { plan } = await planBuild(buildRequest(faulty), environmentOf(await temporaryFolder()));
      expect(plan.details).toMatchObject({ build: { attribute: { value: 'packages.x86_64-linux.fine' } } });
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
      const { result } = await build(faulty, { attribute: 'imports', allow: ['nix-import-from-derivation'] });
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
      const variables = {
        ...rest,
        NIX_STORE_DIR: join(home, 'store'),
        NIX_STATE_DIR: join(home, 'state'),
        NIX_LOG_DIR: join(home, 'log'),
      };
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
