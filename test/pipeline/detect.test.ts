import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Builder, PlanContext } from '../../src/builders/builder.ts';
import { detectBuildpacks } from '../../src/builders/buildpacks/detect.ts';
import { detectDockerfile } from '../../src/builders/dockerfile/detect.ts';
import { imageBuilder } from '../../src/builders/image/index.ts';
import { slugBuilder } from '../../src/builders/slug/index.ts';
import { DogwoodError } from '../../src/errors.ts';
import { alternatives, chosenBuilder, detect } from '../../src/pipeline/detect.ts';
import { planContext } from '../../src/pipeline/plan.ts';
import { withSession } from '../../src/pipeline/session/session.ts';
import type { Candidate } from '../../src/plan/detection.ts';
import type { BuildRequest, Strategy } from '../../src/plan/request.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { archive, file } from '../oci/tar/raw-tar.ts';
import { writeFiles } from '../source/archives.ts';

const never = async (): Promise<never> => {
  throw new Error('detection builds nothing');
};
const builder = (strategy: Builder['strategy'], detects: Builder['detect']): Builder => ({
  strategy,
  detect: detects,
  plan: never,
  build: never,
});

/** How a Nix builder would look, and how it was asked to. */
function nixLike(applies: boolean, seen: (PlanContext['glance'] | 'failed')[] = []): Builder {
  return builder('nix', async (_source, _request, { glance }) => {
    seen.push(glance);
    return { applies, reason: applies ? 'flake.nix has an image' : 'there is no flake.nix', evidence: [] };
  });
}

async function look(source: string, changes: Partial<BuildRequest> = {}, nix = nixLike(false)) {
  const environment = pipelineEnvironment(await temporaryFolder());
  const builders = [
    imageBuilder,
    slugBuilder,
    builder('dockerfile', detectDockerfile),
    nix,
    builder('buildpacks', detectBuildpacks),
  ];
  return withSession(environment, async (session) => {
    const request = buildRequest(source, changes);
    const opened = await session.openSource(source);
    let unpacked = 0;
    const context = planContext(session, request);
    const detection = await detect(opened, request, builders, {
      ...context,
      openTree(each) {
        if (each.kind === 'archive') unpacked += 1;
        return context.openTree(each);
      },
    });
    const of = (name: Candidate['strategy']) =>
      detection.candidates.find(({ strategy }) => strategy === name);
    const others = (chosen: Strategy) => alternatives(chosen, opened, request, builders, context);
    return { ...detection, of, unpacked, others, choose: () => chosenBuilder(detection, builders, opened) };
  });
}

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  await writeFiles(folder, files);
  return folder;
}

const DOCKERFILE = { Dockerfile: 'FROM scratch\n' };

describe('detection', () => {
  it('says of every strategy what is there, also behind the chosen one', async () => {
    const seen: (boolean | 'failed' | undefined)[] = [];
    const found = await look(
      await folderOf({ ...DOCKERFILE, 'package.json': '{}' }),
      {},
      nixLike(true, seen),
    );
    expect(found.strategy).toBe('dockerfile');
    expect(found.candidates.map(({ strategy, chosen }) => [strategy, chosen])).toEqual([
      ['image', false],
      ['slug', false],
      ['dockerfile', true],
      ['nix', false],
      ['buildpacks', false],
    ]);
    expect(found.of('nix')?.reason).toBe(
      'dockerfile comes first; it would apply too: flake.nix has an image',
    );
    expect(found.of('buildpacks')).toMatchObject({
      reason: 'dockerfile comes first; it would apply too: it looks like Node.js',
      evidence: ['package.json'],
    });
    // Behind the chosen one nothing is evaluated.
    expect(seen).toEqual([true]);
  });

  it('evaluates where nothing is chosen yet', async () => {
    const seen: (boolean | 'failed' | undefined)[] = [];
    const found = await look(await folderOf({ 'package.json': '{}' }), {}, nixLike(true, seen));
    expect(found.strategy).toBe('nix');
    expect(seen).toEqual([undefined]);
  });

  it('is overruled by a flag, and that over dogwood.toml', async () => {
    const folder = await folderOf({
      ...DOCKERFILE,
      'dogwood.toml': 'strategy = "nix"',
      'package.json': '{}',
    });
    const byFile = await look(folder);
    expect(byFile.strategy).toBe('nix');
    expect(byFile.of('nix')).toMatchObject({
      reason: 'asked for with dogwood.toml',
      evidence: ['dogwood.toml'],
    });
    expect(byFile.of('dockerfile')?.reason).toBe(
      'dogwood.toml asks for nix; it would apply too: there is a Dockerfile',
    );
    const byFlag = await look(folder, { strategy: 'buildpacks' });
    expect(byFlag.strategy).toBe('buildpacks');
    expect(byFlag.of('nix')?.reason).toMatch(/^--strategy buildpacks was given; it would not apply: /);
  });

  it('is not kept from one strategy by what is broken in another', async () => {
    const broken = builder('nix', async () => {
      throw new DogwoodError('ENGINE_FAILED', 'nix fell over');
    });
    const found = await look(await folderOf(DOCKERFILE), {}, broken);
    expect(found.of('nix')?.reason).toBe('dockerfile comes first; it would not apply: nix fell over');
    await expect(look(await folderOf({ 'package.json': '{}' }), {}, broken)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
    });
  });

  it('ends at a dogwood.toml that is wrong', async () => {
    const folder = await folderOf({ ...DOCKERFILE, 'dogwood.toml': 'x = 1' });
    await expect(look(folder)).rejects.toMatchObject({ code: 'PROJECT_FILE_INVALID' });
  });

  it('unpacks no slug, and every other archive of sources once', async () => {
    const home = await temporaryFolder();
    const pack = async (name: string, ...members: Buffer[]) => {
      await writeFile(join(home, name), gzipSync(archive(...members)));
      return join(home, name);
    };
    const slug = await look(
      await pack('slug.tgz', file('./app/Procfile', 'web: x'), file('./app/Dockerfile', 'FROM x')),
    );
    expect(slug).toMatchObject({ strategy: 'slug', unpacked: 0 });
    expect(slug.of('dockerfile')?.reason).toBe('slug comes first');
    const tarball = await look(
      await pack('source.tgz', file('shop-1/Dockerfile', 'FROM x'), file('shop-1/a')),
    );
    expect(tarball.strategy).toBe('dockerfile');
    const asked = await look(
      await pack(
        'a.tgz',
        file('shop/dogwood.toml', 'strategy = "buildpacks"'),
        file('shop/Dockerfile', 'FROM x'),
      ),
    );
    expect(asked.strategy).toBe('buildpacks');
  });

  it('names every strategy and its reason where nothing fits', async () => {
    const found = await look(await folderOf({ 'README.md': '' }));
    expect(found.strategy).toBeUndefined();
    expect(found.choose).toThrow(
      expect.objectContaining({
        code: 'SOURCE_UNSUPPORTED',
        message: expect.stringMatching(/image: .*; slug: .*; dockerfile: .*; nix: .*; buildpacks: /),
      }),
    );
  });

  it.each([
    ['bytes that nobody knows', Buffer.from([0, 1, 2, 3, 255]), undefined],
    ['a text', Buffer.from('FROM scratch\n'.repeat(100)), 'SOURCE_UNSUPPORTED'],
    ['a zip archive', Buffer.from('PK\x03\x04\x14\0\0\0'), 'SOURCE_UNSUPPORTED'],
    [
      'a file that was compressed otherwise',
      Buffer.from([0x42, 0x5a, 0x68, 0x39, 0, 0]),
      'SOURCE_UNSUPPORTED',
    ],
    ['a hostile tarball', gzipSync(archive(file('a/../../x'))), 'TAR_PATH_UNSAFE'],
  ])('takes %s for what it is', async (_name, bytes, code) => {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, bytes);
    if (code !== undefined) await expect(look(path)).rejects.toMatchObject({ code });
    else expect((await look(path)).of('dockerfile')?.reason).toContain('holds no source files');
  });
});

describe('the other strategies', () => {
  it.each([
    [{ ...DOCKERFILE, 'package.json': '{}' }, ['dockerfile', 'buildpacks']],
    [{ 'package.json': '{}' }, ['buildpacks']],
    [{ Procfile: 'web: x' }, []],
  ])('of %j are those that would take it', async (files, expected) => {
    const found = await look(await folderOf(files), { strategy: 'nix' });
    expect(await found.others('nix')).toEqual(expected);
  });
});

describe('a Dockerfile', () => {
  const finding = async (files: Readonly<Record<string, string>>, changes: Partial<BuildRequest> = {}) =>
    (await look(await folderOf(files), changes)).of('dockerfile');

  it.each([
    [{ Dockerfile: 'FROM x', Containerfile: 'FROM y' }, true, 'there is a Dockerfile'],
    [{ dockerfile: 'FROM x' }, true, 'there is a dockerfile'],
    [{ Containerfile: 'FROM x' }, true, 'there is a Containerfile'],
    [{ Dockerfile: '\uFEFF# only\n\n', Containerfile: 'FROM x' }, true, 'there is a Containerfile'],
    [{ Dockerfile: '' }, false, 'Dockerfile is empty'],
    [{ 'Dockerfile/x': '' }, false, 'Dockerfile is a folder'],
    [{ DockerFile: 'FROM x' }, false, 'DockerFile is not read'],
    [{ containerfile: 'FROM x' }, false, 'containerfile is not read'],
    [{ 'Dockerfile.prod': 'FROM x' }, false, '--file names another'],
    [{ 'prod.Dockerfile': 'FROM x' }, false, '--file names another'],
    [{ 'Dockerfile.dockerignore': '' }, false, 'there is no Dockerfile'],
    [{ 'a/b/Dockerfile': 'FROM x' }, false, 'one of a subfolder'],
    [{ 'a/b/c/Dockerfile': 'FROM x' }, false, 'there is no Dockerfile'],
    [{ 'node_modules/x/Dockerfile': 'FROM x' }, false, 'there is no Dockerfile'],
    [{ 'compose.yaml': '' }, false, 'a Compose file is not built'],
  ])('%j', async (files, chosen, reason) => {
    const found = await finding(files);
    expect(found?.chosen).toBe(chosen);
    expect(found?.reason).toContain(reason);
  });

  it('that is a link counts where it stays inside', async () => {
    const folder = await folderOf({ 'docker/x': 'FROM x' });
    await symlink('docker/x', join(folder, 'Dockerfile'));
    expect((await look(folder)).strategy).toBe('dockerfile');
    const other = await folderOf({});
    await symlink(join(folder, 'docker/x'), join(other, 'Dockerfile'));
    expect((await look(other)).of('dockerfile')?.reason).toContain('leads out of the source');
  });

  it('that a flag or a file names counts, although it is not there', async () => {
    expect(await finding({ 'x.df': 'FROM x' }, { file: 'x.df' })).toMatchObject({ chosen: true });
    expect(await finding({}, { file: 'x.df' })).toMatchObject({
      chosen: true,
      reason: expect.stringContaining('not there'),
    });
    expect(await finding({ 'dogwood.toml': 'file = "x"' })).toMatchObject({ chosen: true });
    expect(await finding({ 'fly.toml': '[build]\ndockerfile = "x"' })).toMatchObject({ chosen: false });
    expect(await finding({ 'fly.toml': '[build]\ndockerfile = "x"', x: 'FROM x' })).toMatchObject({
      chosen: true,
    });
  });
});

describe('buildpacks', () => {
  it.each([
    [{ 'package.json': '{}', 'requirements.txt': '' }, true, 'Node.js and Python'],
    [{ 'Shop.csproj': '' }, true, '.NET'],
    [{ 'Cargo.toml': '' }, false, 'no buildpack for; name a builder'],
    [{ 'Cargo.toml': '', 'dogwood.toml': 'builder = "x"' }, true, 'dogwood.toml names a builder'],
    [{ 'Cargo.toml': '', 'dogwood.toml': 'buildpacks = ["x"]' }, true, 'dogwood.toml names buildpacks'],
    [{ 'index.html': '' }, false, 'static pages'],
    [{ Procfile: 'web: x' }, false, 'how to run'],
    [{ 'apps/a/go.mod': '' }, false, 'projects of their own'],
    [{ 'project.toml': '[' }, true, 'cannot be read'],
    [{ '.buildpacks': 'https://x' }, true, '.buildpacks'],
    [{ 'package.json/x': '' }, false, 'no file at the root'],
  ])('%j', async (files, chosen, reason) => {
    const found = (await look(await folderOf(files))).of('buildpacks');
    expect(found?.chosen).toBe(chosen);
    expect(found?.reason).toContain(reason);
  });

  it('are asked for by --builder, whatever is there', async () => {
    const found = await look(await folderOf({ 'main.zig': '' }), { builder: 'x' });
    expect(found.of('buildpacks')).toMatchObject({ chosen: true, reason: '--builder names a builder' });
  });
});
