import { describe, expect, it } from 'vitest';
import { parseDogwoodToml } from '../../../src/plan/files/dogwood-toml.ts';

const from = 'dogwood.toml';

describe('dogwood.toml', () => {
  it('says how a project is built and run, under the names of the rollout document', () => {
    const project = parseDogwoodToml(`
strategy = "nix"
file = "deploy/Dockerfile"
attribute = "image"
env = ["DATABASE_URL"]
regions = ["fra", "iad"]
release = "npm run migrate"

[build]
command = "make image"
output = "result"

[processes]
web = "node server.js"
[processes.worker]
command = "node worker.js"
replicas = 2

[[services]]
internalPort = 8080
[[services.ports]]
port = 443
handlers = ["tls", "http"]
[[services]]
process = "worker"
protocol = "udp"
internalPort = 5000
exposure = "private"
[[services.ports]]
port = { start = 5000, end = 5010 }

[[mounts]]
name = "data"
path = "/data"
size = "1gb"

[[healthChecks]]
kind = "http"
path = "/health"
port = 8080
interval = 10
`);
    expect(project).toMatchObject({
      strategy: { value: 'nix', from },
      file: { value: 'deploy/Dockerfile', from },
      attribute: { value: 'image', from },
      shellBuild: { value: { command: 'make image', shell: null, output: 'result' }, from },
      processes: {
        web: { value: 'node server.js', from },
        worker: { value: 'node worker.js', from },
      },
      replicas: { worker: { value: 2, from } },
      release: { value: { command: 'npm run migrate', timeout: null }, from },
      mounts: [{ value: { name: 'data', process: 'web', path: '/data', size: '1gb' }, from }],
      env: [{ value: 'DATABASE_URL', from }],
      regions: [
        { value: { name: 'fra' }, from },
        { value: { name: 'iad' }, from },
      ],
    });
    expect(project.services?.map(({ value }) => value)).toEqual([
      {
        process: 'web',
        protocol: 'tcp',
        internalPort: 8080,
        ports: [{ port: 443, handlers: ['tls', 'http'] }],
        exposure: 'public',
      },
      {
        process: 'worker',
        protocol: 'udp',
        internalPort: 5000,
        ports: [{ port: { start: 5000, end: 5010 }, handlers: [] }],
        exposure: 'private',
      },
    ]);
    expect(project.healthChecks?.map(({ value }) => value)).toEqual([
      {
        process: 'web',
        kind: 'http',
        value: '/health',
        port: 8080,
        interval: 10,
        timeout: null,
        grace: null,
      },
    ]);
  });

  it('may be empty', () => {
    expect(parseDogwoodToml('')).toMatchObject({ strategy: undefined, processes: {}, services: [] });
  });

  it('says of a region where its image goes, or only that the app runs there', () => {
    const regions = (text: string) => parseDogwoodToml(text).regions?.map(({ value }) => value);
    const table = '[[regions]]\nname = "fra"\nrepository = "registry.example:5000/team/app"\n';
    const fra = { name: 'fra', repository: 'registry.example:5000/team/app' };
    expect(regions(`${table}[[regions]]\nname = "iad"`)).toEqual([fra, { name: 'iad' }]);
    expect(regions('regions = ["fra", { name = "iad", repository = "localhost/app" }]')).toEqual([
      { name: 'fra' },
      { name: 'iad', repository: 'localhost/app' },
    ]);
  });

  const region = (...lines: string[]) => `[[regions]]\n${lines.join('\n')}\n`;
  it.each([
    ['the same region twice', 'regions = ["fra", "fra"]', ':1: regions.1.name: the region is there already'],
    [
      'the same region twice, in tables',
      region('name = "fra"') + region('name = "iad"') + region('name = "fra"'),
      ':6: regions.2.name: the region is there already',
    ],
    [
      'two regions with one repository',
      region('name = "fra"', 'repository = "r.example/app"') +
        region('name = "iad"', 'repository = "r.example/app"'),
      ':6: regions.1.repository: another region has the same repository',
    ],
    [
      'an empty repository',
      region('name = "fra"', 'repository = ""'),
      ':3: regions.0.repository: it is empty',
    ],
    [
      'a repository of nowhere',
      region('name = "fra"', 'repository = "team/app"'),
      ':3: regions.0.repository: it begins with the host of the registry, as in registry.example/team',
    ],
    [
      'a tag',
      region('name = "fra"', 'repository = "r.example:5000/app:v1"'),
      ':3: regions.0.repository: a repository without tag and digest; `-t REGION=:TAG` says the tag',
    ],
    ['no name', region('repository = "r.example/app"'), ':1: regions.0.name: it is missing'],
    ['a name that is none', 'regions = ["a b"]', ':1: regions.0: a region is letters, digits, _, - and .'],
    [
      'what no region has',
      region('name = "fra"', 'registry = "r.example"'),
      ':3: regions.0.registry: no such setting',
    ],
    [
      'a repository in upper case',
      region('name = "fra"', 'repository = "r.example/App"'),
      /:3: regions\.0\.repository: .*lower case$/,
    ],
  ])('regions: %s is refused with file and line', (_what, text, message) => {
    const matching = typeof message === 'string' ? `dogwood.toml${message}` : expect.stringMatching(message);
    expect(() => parseDogwoodToml(text)).toThrow(
      expect.objectContaining({ code: 'PROJECT_FILE_INVALID', message: matching }),
    );
  });

  it.each([
    ['no TOML', 'strategy = \n', /^dogwood\.toml:1: /],
    ['a repeated key', 'file = "a"\nfile = "b"', /^dogwood\.toml:2: /],
    ['an unknown setting', '\n\nstratgy = "nix"', /^dogwood\.toml:3: stratgy: no such setting$/],
    [
      'an unknown setting in a table',
      '[build]\ncommand = "a"\noutput = "b"\nshel = "c"',
      /:4: build\.shel: no such/,
    ],
    [
      'a misspelling rather than what is then missing',
      '[build]\ncomand = "a"\noutput = "b"',
      /:2: build\.comand: no such/,
    ],
    ['an unknown strategy', 'strategy = "docker"', /^dogwood\.toml:1: strategy: /],
    ['a strategy that no folder has', 'strategy = "slug"', /^dogwood\.toml:1: strategy: /],
    ['a value of another kind', 'file = 7', /^dogwood\.toml:1: file: /],
    ['a build without its output', '[build]\ncommand = "make"', /^dogwood\.toml:1: build\.output: /],
    ['a path that leaves the folder', 'file = "../Dockerfile"', /:1: file: a path below the folder/],
    [
      'an output that leaves the folder',
      '[build]\ncommand = "a"\noutput = "/etc"',
      /:3: build\.output: a path/,
    ],
    ['a process type that is none', '[processes]\n"a b" = "x"', /:2: processes\.a b: a process type/],
    ['a port beyond the last', '[[services]]\ninternalPort = 70000', /:2: services\.0\.internalPort: /],
    [
      'a fault in the second of two services',
      '[[services]]\ninternalPort = 1\n[[services]]\ninternalPort = 2\nprotocol = "sctp"',
      /:5: services\.1\.protocol: /,
    ],
    [
      'a range backwards',
      '[[services]]\ninternalPort = 1\n[[services.ports]]\nport = {start = 9, end = 8}',
      /:4: /,
    ],
    [
      'a mount that is no absolute path',
      '[[mounts]]\nname = "a"\npath = "data"',
      /:3: mounts\.0\.path: an abs/,
    ],
    [
      'an exec check without a command',
      '[[healthChecks]]\nkind = "exec"',
      /healthChecks\.0\.command: an exec/,
    ],
    [
      'a path for a tcp check',
      '[[healthChecks]]\nkind = "tcp"\npath = "/"',
      /:3: healthChecks\.0\.path: only/,
    ],
    ['a value beside the name of a variable', 'env = ["A=secret"]', /^dogwood\.toml:1: env\.0: a variable/],
  ])('refuses %s, with the line', (_name, text, message) => {
    expect(() => parseDogwoodToml(text)).toThrow(
      expect.objectContaining({ code: 'PROJECT_FILE_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('shows no value in a message', () => {
    expect(() => parseDogwoodToml('env = ["A=hunter2"]')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
