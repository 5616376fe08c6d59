/** What is found in Nix files without evaluating them: shapes that people write. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readImagesFromText } from '../../../src/builders/nix/look/read-text.ts';
import { openTree } from '../../../src/source/tree.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

async function imagesIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const [path = ''] = Object.keys(files);
  const file = { path, flake: path === 'flake.nix' };
  const read = await readImagesFromText(await openTree(folder), file, 'x86_64-linux');
  return (read?.images ?? []).map(({ attribute, output }) => `${attribute} ${output}`);
}

const FLAKE = (body: string, before = ''): string =>
  `{ inputs.nixpkgs.url = "github:NixOS/nixpkgs"; outputs = { self, nixpkgs, ... }@inputs: ${before} ${body}; }`;
const P = 'packages.x86_64-linux';

test.each([
  [
    'an attribute with the system written out',
    FLAKE(`{ ${P}.docker = pkgs.dockerTools.buildImage { name = "x"; }; }`),
    [`${P}.docker archive`],
  ],
  [
    'a set for one system',
    FLAKE(
      `{ packages.x86_64-linux = rec { web = pkgs.dockerTools.buildLayeredImage { }; default = web; }; }`,
    ),
    [`${P}.web archive`],
  ],
  [
    'antiquoted systems',
    FLAKE(
      '{ packages.${system}.image = pkgs.dockerTools.streamLayeredImage { config.Cmd = [ "${hello}/bin/hello" ]; }; }',
    ),
    [`${P}.image stream`],
  ],
  [
    'flake-utils',
    FLAKE(
      'flake-utils.lib.eachDefaultSystem (system: let pkgs = import nixpkgs { inherit system; }; in { packages = { app = pkgs.hello; docker = pkgs.dockerTools.buildImage { }; }; })',
    ),
    [`${P}.docker archive`],
  ],
  [
    'flake-parts',
    FLAKE(
      'flake-parts.lib.mkFlake { inherit inputs; } { systems = [ "x86_64-linux" ]; perSystem = { pkgs, ... }: { packages.container = pkgs.dockerTools.buildLayeredImage { }; }; }',
    ),
    [`${P}.container archive`],
  ],
  [
    'a helper for all systems',
    FLAKE(
      '{ packages = forAllSystems (system: { default = pkgsFor.${system}.hello; image = pkgsFor.${system}.dockerTools.buildImage { }; }); }',
      'let forAllSystems = nixpkgs.lib.genAttrs [ "x86_64-linux" ]; pkgsFor = { }; in',
    ),
    [`${P}.image archive`],
  ],
  [
    'a variable',
    FLAKE(`{ ${P}.default = image; }`, 'let image = pkgs.dockerTools.buildImage { }; in'),
    [`${P}.default archive`],
  ],
  [
    'an inherited variable',
    FLAKE(
      `{ packages.x86_64-linux = { inherit image; }; }`,
      'let image = pkgs.dockerTools.buildImage { }; in',
    ),
    [`${P}.image archive`],
  ],
  [
    'an inherited function',
    FLAKE(
      `{ ${P}.image = buildLayeredImage { }; }`,
      'let inherit (pkgs.dockerTools) buildImage buildLayeredImage; in',
    ),
    [`${P}.image archive`],
  ],
  ['with', FLAKE(`{ ${P}.image = with pkgs.dockerTools; streamLayeredImage { }; }`), [`${P}.image stream`]],
  [
    'dockerImages',
    FLAKE('{ dockerImages.x86_64-linux.web = pkgs.dockerTools.buildImage { }; }'),
    ['dockerImages.x86_64-linux.web archive'],
  ],
  ['other systems', FLAKE('{ packages.aarch64-darwin.image = pkgs.dockerTools.buildImage { }; }'), []],
  [
    'several',
    FLAKE(
      `{ ${P} = { web = pkgs.dockerTools.buildImage { }; worker = pkgs.dockerTools.streamLayeredImage { }; }; }`,
    ),
    [`${P}.web archive`, `${P}.worker stream`],
  ],
  [
    'nix2container',
    FLAKE(`{ ${P}.image = nix2container.packages.x86_64-linux.nix2container.buildImage { }; }`),
    [`${P}.image nix2container`],
  ],
  [
    'a commented-out line',
    FLAKE(`{ # ${P}.image = pkgs.dockerTools.buildImage { };\n ${P}.app = pkgs.hello; }`),
    [],
  ],
  [
    'a commented-out block',
    FLAKE(`{ /* ${P}.image = pkgs.dockerTools.buildImage { }; */ ${P}.app = pkgs.hello; }`),
    [],
  ],
  [
    'a word in a string',
    FLAKE(
      `{ ${P}.app = pkgs.writeText "x" "pkgs.dockerTools.buildImage { }"; description = ''dockerTools.buildImage''; }`,
    ),
    [],
  ],
  [
    'a dev shell',
    FLAKE('{ devShells.x86_64-linux.default = pkgs.mkShell { packages = [ pkgs.dockerTools ]; }; }'),
    [],
  ],
  [
    'an app that runs an image',
    FLAKE('{ apps.x86_64-linux.push = { type = "app"; program = "${pkgs.dockerTools.buildImage { }}"; }; }'),
    [],
  ],
  [
    'broken text',
    '{ outputs = { self }: { packages.x86_64-linux.image = pkgs.dockerTools.buildImage {',
    [`${P}.image archive`],
  ],
])('a flake: %s', async (_name, text, expected) => {
  expect(await imagesIn({ 'flake.nix': text })).toEqual(expected);
});

test.each([
  ['its own value', 'pkgs.dockerTools.buildImage { name = "x"; config = { Cmd = [ ]; }; }', ['null archive']],
  [
    'a function with defaults',
    '{ pkgs ? import <nixpkgs> { }, system ? builtins.currentSystem }: pkgs.dockerTools.buildLayeredImage { }',
    ['null archive'],
  ],
  [
    'let',
    'let pkgs = import ./nix { }; in pkgs.dockerTools.streamLayeredImage { name = "x"; }',
    ['null stream'],
  ],
  ['with import', 'with import <nixpkgs> { }; dockerTools.buildImage { }', ['null archive']],
  [
    'attributes',
    '{ pkgs ? import <nixpkgs> { } }: { app = pkgs.hello; image = pkgs.dockerTools.buildImage { contents = [ (pkgs.dockerTools.pullImage { }) ]; }; }',
    ['image archive'],
  ],
  [
    'a set of images',
    'rec { images = { web = dockerTools.buildImage { }; worker = dockerTools.buildImage { }; }; }',
    ['images.web archive', 'images.worker archive'],
  ],
  ['a part that wants arguments', '{ dockerTools, hello }: dockerTools.buildImage { }', []],
  ['a function of everything', 'pkgs: pkgs.dockerTools.buildImage { }', []],
  ['a package', '{ stdenv ? (import <nixpkgs> { }).stdenv }: stdenv.mkDerivation { name = "x"; }', []],
  ['nothing', '', []],
])('a plain file: %s', async (_name, text, expected) => {
  expect(await imagesIn({ 'default.nix': text })).toEqual(expected);
});

test('imported files are followed', async () => {
  const image = '{ pkgs, app }: pkgs.dockerTools.streamLayeredImage { name = "x"; }';
  expect(
    await imagesIn({
      'flake.nix': FLAKE(
        `{ ${P} = { a = import ./nix/image.nix { inherit pkgs; }; b = pkgs.callPackage ./nix/other { }; c = pkgs.callPackage ./package.nix { }; }; }`,
      ),
      'nix/image.nix': image,
      'nix/other/default.nix': 'args: import ../image.nix args',
      'package.nix': '{ stdenv }: stdenv.mkDerivation { }',
    }),
  ).toEqual([`${P}.a stream`, `${P}.b stream`]);
});

test('files that import each other end', async () => {
  expect(
    await imagesIn({ 'default.nix': 'import ./a.nix', 'a.nix': 'import ./b.nix', 'b.nix': 'import ./a.nix' }),
  ).toEqual([]);
});
