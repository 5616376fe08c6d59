/** Real builds with the Nix of Debian 12, of derivations in the shapes of dockerTools (see stand-in/docker-tools.nix). */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { SucceededBuild } from '../../../src/plan/result.ts';
import { busyboxBase } from '../../helpers/base-image.ts';
import { type Docker, dockerEngine } from '../../helpers/docker.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine, onDisk } from '../../helpers/nix.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { build, project } from './building.ts';

describeWith(['nix', 'bwrap', 'bash-static', 'busybox', 'python3', 'root'], 'Nix', () => {
  let machine: NixMachine;
  let flake: string;
  let plain: string;

  beforeAll(async () => {
    machine = await nixMachine();
    flake = await project('flake', join(await temporaryFolder(), 'a flake #1'));
    plain = await project('plain');
  });

  const sourceOf = (attribute: string | undefined) => (attribute === undefined ? plain : flake);
  const named = (attribute: string | undefined): Partial<BuildRequest> =>
    attribute === undefined ? {} : { attribute };

  async function built(
    source: string,
    changes: Partial<BuildRequest>,
    on: NixMachine,
  ): Promise<SucceededBuild> {
    const { result } = await build(source, changes, on);
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

  // Each test builds with several derivations, some for more than one machine.
  describe('images', { timeout: 120_000 }, () => {
    const CASES = [
      { kind: 'buildLayeredImage', installable: ['path:.#layered'], attribute: 'layered' },
      { kind: 'streamLayeredImage', installable: ['path:.#stream'], attribute: 'stream' },
      { kind: 'buildImage', installable: ['-f', './default.nix'], attribute: undefined },
    ] as const;

    describeWith(['skopeo'], 'beside skopeo', ({ skopeo }) => {
      test.each(CASES)(
        '$kind: the same diffIDs, and the id that the archive says',
        async ({ installable, attribute }) => {
          const source = sourceOf(attribute);
          const result = await built(source, named(attribute), machine);

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
      const source = sourceOf(attribute);
      const changes = { ...named(attribute), compression: 'gzip' } as const;
      const here = await built(source, changes, machine);
      const there = await built(source, changes, await nixMachine());

      expect(here.image.digest).toBe(there.image.digest);
      expect(here.layers?.every(({ mediaType }) => mediaType.endsWith('tar+gzip'))).toBe(true);
    });

    describeWith(['docker'], 'in Docker', () => {
      let engine: Docker;
      beforeAll(async () => {
        engine = await dockerEngine();
      });

      test.each(CASES)('$kind answers', async ({ kind, attribute }) => {
        const source = sourceOf(attribute);
        const name = `nix-${kind.toLowerCase()}`;
        const output = `docker-daemon:${name}:latest`;
        const changes = { ...named(attribute), output };
        const { result } = await build(source, changes, {
          variables: machine.variables,
          dockerHost: `unix://${engine.socket}`,
        });
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

    test('an OCI layout is taken as it is', async () => {
      const source = await project('plain');
      const image = await busyboxBase(join(source, 'layout'));
      const text = `let t = import ./stand-in/docker-tools.nix { system = "x86_64-linux"; tools = ./tools; };
        in t.run "layout" { imageName = "x"; } "cp -r \${./layout} $out"`;
      await writeFile(join(source, 'default.nix'), text);
      expect((await built(source, {}, machine)).image.digest).toBe(image.digest);
    });

    test('each derivation is a task, with what its builder said; a second build has only a cached one', async () => {
      const on = await nixMachine();
      const first = await build(flake, { attribute: 'layered' }, on);
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

      expect(tasks((await build(flake, { attribute: 'layered' }, on)).events)).toEqual([
        'layered.tar.gz cached',
      ]);
    });
  });
});

const answers = <T>(ask: () => Promise<T>): (() => Promise<T>) => ask;
