import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { cachesOf } from '../../../src/builders/buildpacks/caches.ts';
import {
  descriptorWithout,
  hasIgnoreRules,
  readDescriptor,
  slugIgnorePatterns,
} from '../../../src/builders/buildpacks/descriptor.ts';
import { buildFailure } from '../../../src/builders/buildpacks/failure.ts';
import { packVariables, redactor, withVariablesFile } from '../../../src/builders/buildpacks/variables.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { openTree } from '../../../src/source/tree.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };

describe('caches', () => {
  const request = (tenant: string, ...references: string[]) => ({
    tenant,
    destinations: references.map((reference) => ({ reference })),
  });

  test('differ by tenant, app, builder and platform, and by nothing else', () => {
    const names = [
      cachesOf(request('a'), '/x', 'b:1', AMD64),
      cachesOf(request('b'), '/x', 'b:1', AMD64),
      cachesOf(request('a'), '/y', 'b:1', AMD64),
      cachesOf(request('a'), '/x', 'b:2', AMD64),
      cachesOf(request('a'), '/x', 'b:1', { os: 'linux', architecture: 'arm64' }),
      cachesOf(request('a', 'r.example/t/x:v1'), '/x', 'b:1', AMD64),
    ];
    expect(new Set(names.map(({ build }) => build)).size).toBe(names.length);
    expect(cachesOf(request('a'), '/x', 'b:1', AMD64)).toEqual(names[0]);
    // A new tag is the next release of the same app, wherever its source lies.
    expect(cachesOf(request('a', 'r.example/t/x:v2'), '/elsewhere', 'b:1', AMD64)).toEqual(names[5]);
    expect(names[0]?.build).toMatch(/^dogwood-cache-[0-9a-f]{32}\.build$/);
  });

  test('a name cannot be put together of two others', () => {
    const joined = cachesOf(request('a","b'), 'c', 'b:1', AMD64);
    expect(joined).not.toEqual(cachesOf(request('a'), 'b","c', 'b:1', AMD64));
  });
});

describe('variables', () => {
  test('that pack would listen to go into a file, the others into its environment', () => {
    const env = { APP_KEY: 'a\nb', HTTP_PROXY: 'http://p', AWS_PROFILE: 'x', DOCKER_HOST: 'y', PATHS: 'z' };
    const { inProcess, inFile } = packVariables(env);
    expect(Object.keys(inProcess)).toEqual(['APP_KEY', 'PATHS']);
    expect(Object.keys(inFile)).toEqual(['HTTP_PROXY', 'AWS_PROFILE', 'DOCKER_HOST']);
  });

  test.each(['two\nlines', ' padded'])('%j cannot be handed over in a file', (value) => {
    expect(() => packVariables({ AWS_PROFILE: value })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.not.stringContaining(value) }),
    );
  });

  test.each(['A=B', '', '1A', 'A B'])('%j is no name of one', (name) => {
    expect(() => packVariables({ [name]: 'x' })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('lie in a file that others cannot read, for as long as they are needed', async () => {
    const temp = createTempFiles(await temporaryFolder());
    const seen = await withVariablesFile({ HOME: '/x', TERM: 'y' }, temp, async (path = '') => {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readFile(path, 'utf8')).toBe('HOME=/x\nTERM=y\n');
      return path;
    });
    await expect(stat(seen)).rejects.toThrow('ENOENT');
    expect(await withVariablesFile({}, temp, async (path) => path)).toBeUndefined();
  });

  test('are hidden in what is printed, the longest first', () => {
    const redact = redactor({
      A: 'hunter2-hunter2',
      B: 'hunter2-hunter2-long',
      C: 'production',
      D: 'short',
      E: 'one-line-x\nanother-line',
    });
    expect(redact('hunter2-hunter2-long hunter2-hunter2 production short another-line')).toBe(
      '*** *** production short ***',
    );
  });
});

describe('project.toml and .slugignore', () => {
  test('a .slugignore has no exceptions and no comments for pack', () => {
    const text = '# comment\r\n\n*.psd\n/docs\nspec/fixtures\n!kept\ntmp/\n';
    expect(slugIgnorePatterns(text)).toEqual(['*.psd', '/docs', 'spec/fixtures', 'tmp/']);
  });

  test.each([
    ['[_]\nschema-version = "0.2"\n[io.buildpacks]\nexclude = ["x"]\n', true],
    ['[_]\nschema-version = "0.2"\n[io.buildpacks]\nbuilder = "x"\n', false],
    ['[build]\ninclude = ["x"]\n', true],
    // Without its version pack reads only [build].
    ['[io.buildpacks]\nexclude = ["x"]\n', false],
  ])('%j has rules of its own: %j', (text, expected) => {
    expect(hasIgnoreRules(parse(text))).toBe(expected);
  });

  test('what a .slugignore leaves out is added to all that the descriptor says', () => {
    const second = parse(
      '[_]\nschema-version = "0.2"\nname = "app"\n[io.buildpacks]\nbuilder = "b"\n[[io.buildpacks.group]]\nuri = "./mine"\n[[io.buildpacks.group]]\nid = "a/b"\n[[io.buildpacks.build.env]]\nname = "A"\nvalue = "1"\n[[io.buildpacks.pre.group]]\nuri = "docker://x"\n[other]\nkey = 1\n',
    );
    expect(parse(descriptorWithout(['*.psd'], second, '/app'))).toEqual({
      _: { 'schema-version': '0.2', name: 'app' },
      io: {
        buildpacks: {
          builder: 'b',
          exclude: ['*.psd'],
          group: [{ uri: '/app/mine' }, { id: 'a/b' }],
          build: { env: [{ name: 'A', value: '1' }] },
          pre: { group: [{ uri: 'docker://x' }] },
        },
      },
      other: { key: 1 },
    });
    const first = parse('[build]\n[[build.buildpacks]]\nuri = "../b"\n');
    expect(parse(descriptorWithout(['x'], first, '/app'))).toEqual({
      build: { exclude: ['x'], buildpacks: [{ uri: '/b' }] },
    });
    expect(parse(descriptorWithout(['x'], undefined, '/app'))).toEqual({
      _: { 'schema-version': '0.2' },
      io: { buildpacks: { exclude: ['x'] } },
    });
  });

  test("one that cannot be read is the user's to correct", async () => {
    const app = await temporaryFolder();
    await writeFile(join(app, 'project.toml'), '[_\n');
    await expect(readDescriptor(await openTree(app))).rejects.toMatchObject({ code: 'PROJECT_FILE_INVALID' });
  });
});

describe('a plan', () => {
  const environment = async () =>
    pipelineEnvironment(await temporaryFolder(), { dockerHost: 'unix:///nowhere.sock' });
  const plan = async (app: string, changes: Partial<BuildRequest> = {}) =>
    // A registry that nobody listens for: nothing can be pinned.
    planBuild(
      buildRequest(app, { strategy: 'buildpacks', builder: '127.0.0.1:9/b:1', ...changes }),
      await environment(),
    );

  test('says what will build it, and where that was said', async () => {
    const app = await temporaryFolder();
    await writeFile(join(app, '.slugignore'), 'x\n');
    const { plan: made } = await plan(app, {
      base: 'docker://127.0.0.1:9/run:1',
      env: { B: '2', A: '1' },
      allow: ['trust-builder'],
    });
    expect(made.details).toEqual({
      strategy: 'buildpacks',
      builder: { value: '127.0.0.1:9/b:1', from: '--builder', digest: null },
      runImage: { value: '127.0.0.1:9/run:1', from: '--base' },
      buildpacks: [],
      env: ['A', 'B'],
      trustBuilder: true,
      descriptor: null,
      ignoreFile: '.slugignore',
      compression: 'keep',
    });
  });

  test('takes builder and digest as they are written', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { plan: made } = await plan(await temporaryFolder(), { builder: `r.example/b@${digest}` });
    expect(made.details).toMatchObject({ builder: { digest } });
  });

  const REFUSED: readonly Partial<BuildRequest>[] = [
    { target: 'x' },
    { buildArgs: { A: '1' } },
    { secrets: [{ id: 'x', from: { kind: 'env', name: 'X' } }] },
    { ssh: ['default'] },
    { processes: { web: 'x' } },
    { labels: { a: 'b' } },
    { attribute: 'x' },
    { cacheFrom: ['type=local'] },
    { base: 'scratch' },
    { base: 'oci:layout' },
  ];
  test.each(REFUSED)('refuses %j by name', async (changes) => {
    await expect(plan(await temporaryFolder(), changes)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('refuses buildpacks that do not lie in the source', async () => {
    const app = await temporaryFolder();
    await mkdir(join(app, 'own'));
    await symlink('/etc', join(app, 'link'));
    const named = async (uri: string) => {
      const text = `[_]\nschema-version = "0.2"\n[[io.buildpacks.group]]\nuri = ${JSON.stringify(uri)}\n`;
      await writeFile(join(app, 'project.toml'), text);
      return plan(app, { builder: `r.example/b@sha256:${'a'.repeat(64)}` });
    };
    for (const uri of ['/etc', '../x', './link', 'link', 'file:///etc', 'file://host/x', 'own/../../x']) {
      await expect(named(uri), uri).rejects.toMatchObject({
        code: 'USAGE',
        message: `project.toml names a buildpack outside of the source: ${uri}`,
      });
    }
    for (const uri of [
      './own',
      'own',
      `file://${app}/own`,
      'heroku/nodejs@1.0.0',
      'docker://x/y',
      'https://x/y.tgz',
    ]) {
      await expect(named(uri), uri).resolves.toBeDefined();
    }
  });
});

test.each([
  ['validating registry write access: POST http://h/v2/a/blobs/uploads/: DENIED: no', 'REGISTRY_DENIED'],
  ['GET https://h/v2/: UNAUTHORIZED: authentication required', 'REGISTRY_UNAUTHORIZED'],
  ['Get "https://h/v2/": dial tcp: lookup h: no such host', 'REGISTRY_UNREACHABLE'],
  ['Get "https://h/v2/": x509: certificate signed by unknown authority', 'REGISTRY_TLS'],
  ['the slice cannot be read', 'LIFECYCLE_FAILED'],
])('what the lifecycle says of a registry: %s', (line, code) => {
  const failed = { status: 'failed', code: 62, phase: 'export', lastLines: [`ERROR: ${line}`] } as const;
  expect(buildFailure(failed, (text) => text, true).code).toBe(code);
  expect(buildFailure(failed, (text) => text, false).code).toBe('LIFECYCLE_FAILED');
  // What a buildpack prints is no registry's.
  expect(buildFailure({ ...failed, code: 51 }, (text) => text, true).code).toBe('BUILDPACK_FAILED');
});

describe('what pack says when it does not come to build', () => {
  const failed = (line: string) =>
    buildFailure(
      {
        status: 'failed',
        code: undefined,
        phase: undefined,
        lastLines: ['before', `ERROR: failed to build: ${line}`],
      },
      (text) => text,
      false,
    );

  test.each([
    [
      "failed to fetch builder image 'x': image 'x' does not exist on the daemon: not found",
      'BUILDER_UNUSABLE',
    ],
    [
      'failed to fetch builder image: Get "https://r/v2/": dial tcp: lookup r: no such host',
      'REGISTRY_UNREACHABLE',
    ],
    ['failed to fetch builder image: unauthorized: incorrect username or password', 'REGISTRY_UNAUTHORIZED'],
    ["invalid builder 'debian': builder label missing", 'BUILDER_UNUSABLE'],
    ["Builder 'x' is incompatible with this version of pack", 'BUILDER_UNUSABLE'],
    ["invalid run-image 'x': image 'x' does not exist on the daemon: not found", 'BUILDER_UNUSABLE'],
    ['write /x: no space left on device', 'DISK_FULL'],
    ['something else', 'ENGINE_FAILED'],
  ])('%j', (line, code) => {
    const error = failed(line);
    expect(error.code).toBe(code);
    expect(error.message).toBe(`pack: ${line}`);
  });
});
