import { describe, expect, it } from 'vitest';
import { parseAppJson } from '../../../src/plan/files/app-json.ts';
import { parseDuration } from '../../../src/plan/files/duration.ts';
import { parseFlyToml } from '../../../src/plan/files/fly-toml.ts';
import { parseProjectToml, projectOfDescriptor } from '../../../src/plan/files/project-toml.ts';

describe('fly.toml', () => {
  it('says what is built, run, reached, mounted and checked', () => {
    const project = parseFlyToml(`
app = "shop"
primary_region = "fra"
unknown = { of = "no interest" }

[build]
dockerfile = "deploy/Dockerfile"
build-target = "runtime"

[deploy]
release_command = "bin/migrate"
release_command_timeout = "5m"

[env]
PORT = "8080"

[processes]
app = "bin/server"
worker = "bin/worker"

[http_service]
internal_port = 3000
[[http_service.checks]]
path = "/up"
interval = "15s"
grace_period = "1m30s"

[[services]]
protocol = "udp"
internal_port = 5000
processes = ["worker"]
[[services.ports]]
start_port = 5000
end_port = 5010
handlers = ["edge_http", "tls"]

[mounts]
source = "data"
destination = "/data"
initial_size = "1gb"
`);
    const from = 'fly.toml';
    expect(project).toMatchObject({
      file: { value: 'deploy/Dockerfile', from },
      target: { value: 'runtime', from },
      processes: { app: { value: 'bin/server', from }, worker: { value: 'bin/worker', from } },
      release: { value: { command: 'bin/migrate', timeout: 300 }, from },
      env: [{ value: 'PORT', from }],
      regions: [{ value: { name: 'fra' }, from }],
      mounts: [{ value: { name: 'data', process: 'app', path: '/data', size: '1gb' }, from }],
    });
    expect(project.services?.map(({ value }) => value)).toEqual([
      {
        process: 'app',
        protocol: 'tcp',
        internalPort: 3000,
        ports: [
          { port: 80, handlers: ['http'] },
          { port: 443, handlers: ['tls', 'http'] },
        ],
        exposure: 'public',
      },
      {
        process: 'worker',
        protocol: 'udp',
        internalPort: 5000,
        ports: [{ port: { start: 5000, end: 5010 }, handlers: ['tls'] }],
        exposure: 'public',
      },
    ]);
    expect(project.healthChecks?.map(({ value }) => value)).toEqual([
      { process: 'app', kind: 'http', value: '/up', port: 3000, interval: 15, timeout: null, grace: 90 },
    ]);
  });

  it('takes an app without process groups for one with a web process', () => {
    const project = parseFlyToml('[[services]]\ninternal_port = 80\n[[mounts]]\ndestination = "/d"\n');
    expect(project.services?.[0]?.value).toMatchObject({ process: 'web', exposure: 'private' });
    expect(project.mounts?.[0]?.value).toEqual({ name: 'data', process: 'web', path: '/d', size: null });
  });

  it('says that a finished image is passed over', () => {
    const { problems } = parseFlyToml('[build]\nimage = "nginx"');
    expect(problems).toEqual([
      { from: 'fly.toml', message: expect.stringContaining('[build] image'), unreadable: false },
    ]);
  });

  it('refuses what it needs and cannot read, with the line', () => {
    expect(() => parseFlyToml('app = "x"\n[http_service]\ninternal_port = "many"')).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^fly\.toml:3: http_service\.internal_port: /),
      }),
    );
  });
});

describe('app.json', () => {
  it('gives stack, buildpacks, quantities and names of variables', () => {
    const project = parseAppJson(
      JSON.stringify({
        name: 'shop',
        scripts: { postdeploy: 'rm -rf /' },
        stack: 'heroku-24',
        buildpacks: [{ url: 'heroku/nodejs' }, { url: 'https://me:token@git.example/old.git#v1' }],
        formation: { web: { quantity: 2, size: 'standard-1x' }, worker: {} },
        env: { SECRET: { generator: 'secret' }, PLAIN: 'value' },
      }),
    );
    const from = 'app.json';
    expect(project).toEqual({
      stack: { value: 'heroku-24', from },
      buildpacks: [{ value: 'heroku/nodejs', from }],
      replicas: { web: { value: 2, from } },
      env: [
        { value: 'SECRET', from },
        { value: 'PLAIN', from },
      ],
      problems: [
        {
          from,
          message: 'app.json: the classic buildpack https://git.example/old.git is passed over',
          unreadable: false,
        },
      ],
    });
  });

  it.each([
    ['no JSON', '{\n  "name": "x",\n}', /^app\.json:3: it is no JSON$/],
    ['JSON that was cut short', '{\n  "name": "x"', /^app\.json:2: it is no JSON$/],
    ['a list', '[]', /^app\.json:1: /],
    [
      'a field of another kind',
      '{\n "env": {},\n "buildpacks": "heroku/nodejs"\n}',
      /^app\.json:3: buildpacks: /,
    ],
  ])('refuses %s, with the line', (_name, text, message) => {
    expect(() => parseAppJson(text)).toThrow(
      expect.objectContaining({ code: 'PROJECT_FILE_INVALID', message: expect.stringMatching(message) }),
    );
  });
});

describe('project.toml', () => {
  it('is read in schema 0.2', () => {
    const text = `
[_]
schema-version = "0.2"
[io.buildpacks]
builder = "heroku/builder:24"
exclude = ["/docs", "*.log"]
[[io.buildpacks.group]]
id = "heroku/nodejs"
version = "3.2.1"
[[io.buildpacks.group]]
uri = "https://example.com/bp.tgz"
[[io.buildpacks.build.env]]
name = "NODE_ENV"
value = "hunter2"
`;
    expect(parseProjectToml(text)).toEqual({
      builder: 'heroku/builder:24',
      buildpacks: ['heroku/nodejs@3.2.1', 'https://example.com/bp.tgz'],
      include: undefined,
      exclude: ['/docs', '*.log'],
      env: ['NODE_ENV'],
      isForBuildpacks: true,
      hasUnreadTable: false,
    });
  });

  it('passes over the table of 0.2 where the version is not said, as pack does', () => {
    const descriptor = parseProjectToml('[io.buildpacks]\nbuilder = "x"');
    expect(descriptor).toMatchObject({ builder: undefined, isForBuildpacks: false, hasUnreadTable: true });
    expect(projectOfDescriptor(descriptor).problems).toHaveLength(1);
  });

  it('is read in schema 0.1, which needs not say so', () => {
    const text = `
[project]
name = "x"
[build]
include = ["src"]
[[build.buildpacks]]
id = "a/b"
[[build.env]]
name = "A"
value = "b"
`;
    expect(parseProjectToml(text)).toMatchObject({
      buildpacks: ['a/b'],
      include: ['src'],
      env: ['A'],
      isForBuildpacks: true,
    });
  });

  it("may be somebody else's", () => {
    expect(parseProjectToml('[tool.other]\nname = "x"')).toMatchObject({ isForBuildpacks: false });
  });

  it('has no include beside exclude', () => {
    expect(() => parseProjectToml('[io.buildpacks]\ninclude = ["a"]\nexclude = ["b"]')).toThrow(
      expect.objectContaining({
        code: 'PROJECT_FILE_INVALID',
        message: 'project.toml:3: io.buildpacks.exclude: include and exclude cannot both be given',
      }),
    );
  });
});

describe('durations', () => {
  it.each([
    ['10s', 10],
    ['1m30s', 90],
    ['1.5h', 5400],
    ['500ms', 0.5],
    [2000, 2],
    ['soon', null],
    ['', null],
    [undefined, null],
  ])('%s is %s seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });
});
