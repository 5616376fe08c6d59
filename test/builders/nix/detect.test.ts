/** What is said of a project before anything is built, with Nix and without. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { chooseImage, imageOutput } from '../../../src/builders/nix/look/image.ts';
import { isAllowed } from '../../../src/builders/nix/look/inputs.ts';
import { ALLOWED_URIS } from '../../../src/engines/nix/settings.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type NixMachine, nixMachine, putNixTools } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const FLAKE = `{
  outputs = { self }: {
    packages.x86_64-linux.web = dockerTools.streamLayeredImage { name = "web"; };
  };
}
`;

async function planOf(
  files: Readonly<Record<string, string>>,
  changes: Partial<BuildRequest> = {},
  variables: Readonly<Record<string, string>> = { PATH: '/no-nix-here' },
) {
  const source = join(await temporaryFolder(), 'project');
  await mkdir(source);
  for (const [name, text] of Object.entries(files)) await writeFile(join(source, name), text);
  const environment = pipelineEnvironment(join(source, '../home'), { engineVariables: variables });
  const document = await planBuild(buildRequest(source, changes), environment);
  const candidate = document.candidates.find(({ strategy }) => strategy === 'nix');
  return { ...document, candidate };
}

describe('without Nix', () => {
  test('the text is read, and that is said', async () => {
    const { candidate, plan } = await planOf({ 'flake.nix': FLAKE });
    expect(candidate).toMatchObject({
      chosen: true,
      reason:
        'packages.x86_64-linux.web of flake.nix is an image of dockerTools: the only image (a guess by its text: Nix is not installed here)',
      evidence: ['flake.nix'],
    });
    expect(plan.details).toMatchObject({
      strategy: 'nix',
      build: {
        kind: 'image',
        flake: true,
        attribute: { value: 'packages.x86_64-linux.web', from: 'flake.nix' },
        output: 'stream',
        found: 'text',
      },
    });
  });

  test('an attribute that was asked for needs no finding', async () => {
    const { candidate, plan } = await planOf({ 'default.nix': '{ }' }, { attribute: 'images.web' });
    expect(candidate).toMatchObject({
      chosen: true,
      reason: '--attr names the attribute images.web of default.nix',
    });
    expect(plan.details).toMatchObject({
      build: {
        file: 'default.nix',
        attribute: { value: 'images.web', from: '--attr' },
        output: 'unknown',
        found: 'flag',
      },
    });
  });

  test('a flake without images is none of ours', async () => {
    await expect(
      planOf({ 'flake.nix': '{ outputs = { self }: { devShells = { }; }; }' }),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNSUPPORTED',
      message: expect.stringContaining('nix: flake.nix has no image of dockerTools (a guess by its text'),
    });
  });

  test('with --strategy nix, too, it is said that this is a guess, and why', async () => {
    await expect(planOf({ 'default.nix': '{ a = ; }' }, { strategy: 'nix' })).rejects.toMatchObject({
      code: 'SOURCE_UNSUPPORTED',
      message: expect.stringContaining('default.nix has no image of dockerTools (a guess by its text: '),
    });
  });

  test.each([
    [{ base: 'scratch' }, '--base'],
    [{ labels: { a: 'b' } }, '--label'],
    [{ target: 'x' }, '--target'],
    [{ nixShell: 'shell.nix', attribute: 'x' }, '--attr'],
  ])('%j is refused by name', async (changes, flag) => {
    await expect(planOf({ 'flake.nix': FLAKE }, { strategy: 'nix', ...changes })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(flag),
    });
  });

  test('what was loosened is in the plan', async () => {
    const { plan } = await planOf({ 'flake.nix': FLAKE }, { allow: ['nix-unsandboxed', 'trust-builder'] });
    expect(plan.details).toMatchObject({ allowed: ['nix-unsandboxed'] });
  });
});

describeWith(['nix', 'bash-static', 'busybox', 'python3', 'root'], 'with Nix', () => {
  let machine: NixMachine;
  beforeAll(async () => {
    machine = await nixMachine();
  });

  test('what an image is called does not matter: it is evaluated', async () => {
    const source = join(await temporaryFolder(), 'project');
    await mkdir(source);
    await putNixTools(source);
    const text = `let t = import ./stand-in/docker-tools.nix { system = "x86_64-linux"; tools = ./tools; };
      make = t.\${"build" + "LayeredImage"};
      in { notAnImage = t.binaries; thrown = throw "no"; gone = { }.x; it = make { name = "it"; }; }`;
    await writeFile(join(source, 'default.nix'), text);
    const environment = pipelineEnvironment(join(source, '../home'), { engineVariables: machine.variables });
    const { plan, candidates } = await planBuild(buildRequest(source), environment);
    expect(plan.details).toMatchObject({
      build: { attribute: { value: 'it' }, output: 'archive', found: 'evaluation' },
    });
    expect(candidates.find(({ strategy }) => strategy === 'nix')?.reason).toBe(
      'it of default.nix is an image of dockerTools: the only image',
    );
  });

  test('what cannot be evaluated is read, and why is said', async () => {
    const { candidate } = await planOf({ 'flake.nix': FLAKE }, {}, machine.variables);
    expect(candidate?.reason).toMatch(/a guess by its text: .*undefined variable 'dockerTools'\)$/);
  });

  test('evaluation that does not end is given up', async () => {
    const text = '{ image = dockerTools.buildImage { }; x = let f = x: f x; in f 1; }';
    const { candidate } = await planOf({ 'default.nix': text }, {}, machine.variables);
    expect(candidate?.chosen).toBe(true);
  });
});

describe('choosing', () => {
  const NONE = { name: null, imageName: null, isExe: false, copyTo: false };
  const image = (attribute: string | null) => ({ attribute, output: 'archive' }) as const;
  test.each([
    [['a.default', 'a.web'], 'a.default'],
    [['a.dockerImage', 'a.web'], 'a.dockerImage'],
    [['a.docker', 'a.image'], undefined],
    [['a.web', 'a.worker'], undefined],
    [['a.web'], 'a.web'],
  ])('%j: %s', (names, expected) => {
    const choice = chooseImage(names.map(image));
    expect(choice?.kind === 'one' ? choice.image.attribute : undefined).toBe(expected);
  });

  test('nix2container counts only where there is nothing else', () => {
    const odd = { attribute: 'a.default', output: 'nix2container' } as const;
    expect(chooseImage([odd, image('a.web')])).toMatchObject({ image: { attribute: 'a.web' } });
    expect(chooseImage([odd])).toMatchObject({ image: odd });
  });

  test.each([
    [{ name: 'docker-image-x.tar.gz' }, 'archive'],
    [{ name: 'docker-image-x.tar.zst' }, 'archive'],
    [{ name: 'x.tar.gz', imageName: 'x' }, 'archive'],
    [{ name: 'x.tar.gz' }, undefined],
    [{ name: 'stream-x', imageName: 'x' }, 'stream'],
    [{ name: 'x', imageName: 'x', isExe: true }, 'stream'],
    [{ name: 'image-x.json' }, 'nix2container'],
    [{ name: 'x', imageName: 'x', copyTo: true }, 'nix2container'],
    [{ name: 'hello-2.12' }, undefined],
  ])('%j is %s', (facts, expected) => {
    expect(imageOutput({ ...NONE, ...facts })).toBe(expected);
  });
});

test.each([
  [{ type: 'github', owner: 'NixOS', repo: 'nixpkgs' }, true],
  [{ type: 'github', owner: 'a', repo: 'b', host: 'git.internal' }, false],
  [{ url: 'github:NixOS/nixpkgs/nixos-unstable' }, true],
  [{ url: 'github:a/b?host=git.internal' }, false],
  [{ url: 'nixpkgs/nixos-24.05' }, true],
  [{ url: 'https://github.com/a/b/archive/x.tar.gz' }, true],
  [{ url: 'https://github.com.evil.example/a' }, false],
  [{ url: 'http://github.com/a' }, false],
  [{ type: 'git', url: 'https://codeberg.org/a/b' }, true],
  [{ type: 'git', url: 'ssh://git@github.com/a/b' }, false],
  [{ url: 'git+file:///etc' }, false],
  [{ url: 'path:./nix' }, true],
  [{ url: './nix' }, true],
  [{ url: 'path:../other' }, false],
  [{ url: 'path:/etc' }, false],
  [{ url: '/etc' }, false],
  [{ type: 'path', path: './nix' }, true],
  [{ type: 'path', path: '/root' }, false],
  [{ type: 'indirect', id: 'nixpkgs' }, true],
  [{ type: 'mercurial' }, false],
])('an input at %j is allowed: %s', (reference, expected) => {
  expect(isAllowed(reference, ALLOWED_URIS)).toBe(expected);
});
