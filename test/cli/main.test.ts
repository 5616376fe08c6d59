import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failureDocument, planDocument, resultDocument } from './documents.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const SLUG = resolve(import.meta.dirname, '../../fixtures/slug-hello/slug.tgz');

let folder: string;
const children: ChildProcessWithoutNullStreams[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dogwood-main-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** The program in a process of its own, with no more of an environment than it needs. */
function start(words: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, DOGWOOD_HOME: join(folder, 'home'), ...environment },
  });
  children.push(child);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => ({ exitCode: code as number | null, ...texts }));
  return { child, ended };
}

async function run(words: readonly string[], environment?: Record<string, string>) {
  const { child, ended } = start(words, environment);
  child.stdin.end();
  return ended;
}

/** Reads its standard input and gets none: a build that never comes to an end. */
async function startHanging(words: readonly string[] = []) {
  const { child, ended } = start(['-', '--base', 'scratch', '--json', '--progress', 'json', ...words]);
  await once(child.stderr, 'data');
  return { child, ended };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these must not reach a terminal
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

describe('the program', () => {
  test('builds the slug, says so on standard output and shows progress on standard error', async () => {
    const { exitCode, stdout, stderr } = await run([SLUG, '--base', 'scratch', '-o', 'oci:out', '--json']);
    expect(exitCode).toBe(0);
    const document = resultDocument.parse(JSON.parse(stdout));
    expect(document.strategy).toBe('slug');
    expect(document.layers?.at(-1)?.origin).toBe('slug');
    expect(stderr).toMatch(/^build: done in /m);
    expect(stderr).not.toMatch(CONTROL);
    const blobs = await readdir(join(folder, 'out', 'blobs', 'sha256'));
    expect(blobs).toContain(document.image.digest.slice('sha256:'.length));
    expect(await readdir(join(folder, 'home', 'logs'))).toHaveLength(1);
  });

  test('says for people where the image is and what to do with it', async () => {
    const { exitCode, stdout } = await run([SLUG, '--base', 'scratch']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('build run local:slug:latest\n');
    const inspected = await run(['inspect', 'slug']);
    expect(inspected.exitCode).toBe(0);
    expect(inspected.stdout.split('\n')[0]).toBe(stdout.split('\n')[0]);
    expect(inspected.stderr).toBe('');
  });

  test('names an image in a layout so that it is found among others', async () => {
    for (const label of ['a=1', 'a=2']) {
      const tag = label === 'a=1' ? 'oci:out:other' : 'oci:out';
      const { stdout } = await run([SLUG, '--base', 'scratch', '-o', tag, '--label', label]);
      const [image = ''] = /(?<=build push )\S+/.exec(stdout) ?? [];
      expect((await run(['inspect', image])).stdout.split('\n')[0]).toBe(stdout.split('\n')[0]);
    }
  });

  test('plans with every strategy as a candidate', async () => {
    const { exitCode, stdout } = await run(['plan', SLUG, '--base', 'scratch', '--json']);
    expect(exitCode).toBe(0);
    const document = planDocument.parse(JSON.parse(stdout));
    expect(document.candidates.filter(({ chosen }) => chosen)).toMatchObject([{ strategy: 'slug' }]);
  });

  test('prints its version and nothing else', async () => {
    const { version } = JSON.parse(await readFile(join(MAIN, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(await run(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('failures', () => {
  test('wrong usage: exit code 2, nothing on standard output', async () => {
    const { exitCode, stdout, stderr } = await run(['--sign', 'x']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe("error[USAGE]: unknown option '--sign'\nhint: See `build --help`.\n");
  });

  test('a source that is not there: exit code 1, the document, and no control character', async () => {
    const { exitCode, stdout, stderr } = await run(['./\x1b[31mred\u009b2J.tgz', '--json']);
    expect(exitCode).toBe(1);
    expect(failureDocument.parse(JSON.parse(stdout)).error).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      step: 'source',
    });
    expect(stderr).toContain('\\x1b[31mred\\x9b2J.tgz');
    expect(stdout + stderr).not.toMatch(CONTROL);
  });

  test('an archive that is no slug: the path of the log is printed, and the log tells the same', async () => {
    await writeFile(join(folder, 'x.tgz'), 'nothing of the kind');
    const { exitCode, stderr } = await run(['x.tgz', '--strategy', 'slug', '--base', 'scratch']);
    expect(exitCode).toBe(1);
    const code = /^error\[([A-Z_]+)\]/m.exec(stderr)?.[1] ?? 'none';
    const path = /^log: (.+)$/m.exec(stderr)?.[1] ?? '';
    expect(await readFile(path, 'utf8')).toContain(`error[${code}]`);
  });

  test.each([
    [['http://'], 'USAGE'],
    [['https://[/slug.tgz'], 'USAGE'],
    [['inspect', 'https://me:hunter2@files.example/x?signature=hunter2'], 'TRANSPORT_UNKNOWN'],
    [[SLUG, '--base', 'https://me:hunter2@files.example/x?signature=hunter2'], 'TRANSPORT_UNKNOWN'],
  ])('an address that does not fit: %j', async (words, code) => {
    const { exitCode, stdout, stderr } = await run([...words, '--json']);
    expect(exitCode).toBe(2);
    expect(failureDocument.parse(JSON.parse(stdout)).error.code).toBe(code);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test.runIf(existsSync('/dev/full'))('a result that could not be written is no success', async () => {
    const image = [MAIN, SLUG, '--base', 'scratch', '--json'];
    const full = await open('/dev/full', 'w');
    const child = spawnSync(process.execPath, image, {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder },
      stdio: ['ignore', full.fd, 'pipe'],
      encoding: 'utf8',
    });
    await full.close();
    expect(child.stderr).toContain('error[DISK_FULL]');
    expect(child.status).toBe(3);
  });

  test.each([
    [['-o', 'oci-archive:missing/x.tar'], 'STORE_UNWRITABLE', 3],
    [['-o', 'docker-archive:.'], 'STORE_UNWRITABLE', 3],
    [['-o', 'oci:out:bad tag'], 'REFERENCE_INVALID', 2],
    [['-o', `oci-archive:x.tar:${'x'.repeat(300)}`], 'REFERENCE_INVALID', 2],
    [['-o', 'oci:'], 'REFERENCE_INVALID', 2],
  ])('a place that cannot be is told before anything is built: %j', async (words, code, expected) => {
    const { exitCode, stdout } = await run([SLUG, '--base', 'scratch', ...words, '--json']);
    expect(exitCode).toBe(expected);
    const { error } = failureDocument.parse(JSON.parse(stdout));
    expect(error).toMatchObject({ code, step: 'source' });
    expect(error.hint).not.toContain('HOST/');
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  test('an image that is not there', async () => {
    const { exitCode, stderr } = await run(['inspect', 'local:none']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error[IMAGE_NOT_FOUND]');
  });

  test('no engine for `run`', async () => {
    const words = ['run', 'local:none', '--env', 'A=b'];
    const { exitCode, stderr } = await run(words, { DOCKER_HOST: `unix://${folder}/none.sock` });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('error[ENGINE_MISSING]');
  });
});

describe('without a home that can be used', () => {
  // Nobody can make a folder below a file, root neither.
  const unusable = async (): Promise<Record<string, string>> => {
    await writeFile(join(folder, 'file'), '');
    return { HOME: join(folder, 'file', 'home'), DOGWOOD_HOME: '' };
  };

  test('a build into a layout works, warns once and names DOGWOOD_HOME', async () => {
    const environment = await unusable();
    const words = [SLUG, '--base', 'scratch', '-o', 'oci:out', '--json'];
    const { exitCode, stdout, stderr } = await run(words, environment);
    expect(exitCode, stderr).toBe(0);
    const { warnings } = resultDocument.parse(JSON.parse(stdout));
    expect(warnings.filter(({ code }) => code === 'FACTS_NOT_KEPT')).toMatchObject([
      { message: expect.stringContaining('DOGWOOD_HOME') },
    ]);
  });

  test('what needs no store does not ask for one', async () => {
    const environment = await unusable();
    await run([SLUG, '--base', 'scratch', '-o', 'oci:out']);
    const commands = [
      ['inspect', 'oci:out'],
      ['validate', 'oci:out'],
      ['copy', 'oci:out', 'oci-archive:out.tar'],
      ['inspect', 'oci-archive:out.tar'],
      ['copy', 'oci:out', 'docker-archive:image.tar'],
      ['docker-archive:image.tar', '-o', 'oci-archive:again.tar'],
    ];
    for (const words of commands) {
      const { exitCode, stderr } = await run(words, environment);
      expect({ exitCode, words, stderr }).toMatchObject({ exitCode: 0, words });
      expect(stderr).not.toContain('warning');
    }
    expect((await run(['plan', SLUG, '--base', 'scratch'], environment)).exitCode).toBe(0);
  });

  test.each([
    [[SLUG, '--base', 'scratch'], 'source'],
    [[SLUG, '--base', 'scratch', '-o', 'local:app'], 'source'],
    [['inspect', 'local:app'], null],
    [['-', '--base', 'scratch', '-o', 'oci:out'], 'source'],
  ])('what needs it says what to set, before any work: %j', async (words, step) => {
    const { exitCode, stdout } = await run([...words, '--json'], await unusable());
    expect(exitCode).toBe(3);
    expect(failureDocument.parse(JSON.parse(stdout)).error).toMatchObject({
      code: 'STORE_UNWRITABLE',
      hint: expect.stringContaining('DOGWOOD_HOME'),
      step,
    });
  });
});

describe('signals and pipes', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s cancels: exit code 130, and nothing is left',
    async (signal) => {
      const { child, ended } = await startHanging();
      child.kill(signal);
      const { exitCode, stdout, stderr } = await ended;
      expect(exitCode).toBe(130);
      expect(failureDocument.parse(JSON.parse(stdout)).error.code).toBe('CANCELLED');
      for (const line of stderr.trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
      expect(await readdir(join(folder, 'home', 'tmp'))).toEqual([]);
    },
  );

  test('--timeout: exit code 124', async () => {
    const { ended } = await startHanging(['--timeout', '400ms']);
    const { exitCode, stdout } = await ended;
    expect(exitCode).toBe(124);
    expect(failureDocument.parse(JSON.parse(stdout)).error.code).toBe('TIMEOUT');
  });

  test('a build goes on when nobody reads its progress any more', async () => {
    const { child, ended } = start(['-', '--base', 'scratch', '--progress', 'json', '--timeout', '1s']);
    child.stderr.destroy();
    // Not 70, and not at once: it waits for its input until the time limit.
    expect((await ended).exitCode).toBe(124);
  });

  test('a reader that goes away is no failure', async () => {
    const { child, ended } = start(['--help']);
    child.stdin.end();
    child.stdout.destroy();
    const { exitCode, stderr } = await ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});

describe('doctor', () => {
  const document = z.strictObject({
    schemaVersion: z.literal(1),
    ok: z.boolean(),
    version: z.string(),
    node: z.strictObject({ version: z.string(), needed: z.string(), ok: z.boolean() }),
    home: z.strictObject({
      path: z.string().nullable(),
      ok: z.boolean(),
      free: z.number().nullable(),
      storeSchema: z.number().nullable(),
      problem: z.string().nullable(),
    }),
    config: z.strictObject({
      path: z.string().nullable(),
      found: z.boolean(),
      ok: z.boolean(),
      problem: z.string().nullable(),
    }),
    strategies: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), needs: z.string() })),
    engines: z.array(
      z.strictObject({
        name: z.string(),
        found: z.boolean(),
        version: z.string().nullable(),
        enables: z.string(),
        problem: z.string().nullable(),
      }),
    ),
    credentials: z.strictObject({
      places: z.array(
        z.strictObject({ place: z.string(), found: z.boolean(), problem: z.string().nullable() }),
      ),
      registries: z.array(
        z.strictObject({ registry: z.string(), source: z.string(), place: z.string(), ok: z.boolean() }),
      ),
    }),
    network: z.strictObject({
      proxies: z.array(z.strictObject({ variable: z.string(), address: z.string() })),
      authorities: z.array(z.strictObject({ variable: z.string(), path: z.string(), ok: z.boolean() })),
      hosts: z.array(
        z.strictObject({
          host: z.string(),
          authorities: z.number(),
          clientCertificate: z.boolean(),
          insecure: z.boolean(),
          mirrors: z.array(z.string()),
          problem: z.string().nullable(),
        }),
      ),
      allowOutbound: z.array(z.string()),
    }),
  });

  test('names engines and credentials, and no secret', async () => {
    await mkdir(join(folder, '.docker'));
    const config = {
      auths: {
        'r.example': { auth: Buffer.from('me:s3cret').toString('base64') },
        'https://index.docker.io/v1/': {},
      },
      credHelpers: { 'gone.example': 'no-such-helper' },
    };
    const path = join(folder, '.docker', 'config.json');
    await writeFile(path, JSON.stringify(config));
    const podman = join(folder, 'auth.json');
    const team = { auth: Buffer.from('me:s3cret').toString('base64') };
    await writeFile(podman, JSON.stringify({ auths: { 'r.example/team': team } }));
    const variables = { DOCKER_HOST: `unix://${folder}/none.sock`, REGISTRY_AUTH_FILE: podman };
    const { exitCode, stdout } = await run(['doctor', '--json'], {
      ...variables,
      DOCKER_AUTH_CONFIG: '{"auths": {"v.example": {"auth": "s3cret"}',
    });
    expect(exitCode).toBe(0);
    const report = document.parse(JSON.parse(stdout));
    expect(report.ok).toBe(true);
    expect(report.home.storeSchema).toBeGreaterThan(0);
    expect(report.engines.map(({ name }) => name)).toEqual([
      'docker',
      'buildctl',
      'buildx',
      'buildah',
      'pack',
      'nix',
      'git',
      'igzip',
    ]);
    const git = report.engines.find(({ name }) => name === 'git');
    expect(git).toMatchObject({ enables: expect.stringContaining('Git addresses') });
    expect(report.engines[0]).toMatchObject({ found: false, problem: expect.stringContaining('none.sock') });
    expect(report.credentials.registries).toEqual([
      { registry: 'r.example/team', source: 'auths', place: podman, ok: true },
      { registry: 'r.example', source: 'auths', place: path, ok: true },
      { registry: 'docker.io', source: 'auths', place: path, ok: true },
      { registry: 'gone.example', source: 'docker-credential-no-such-helper', place: path, ok: false },
    ]);
    expect(report.credentials.places).toEqual([
      {
        place: '$DOCKER_AUTH_CONFIG',
        found: true,
        problem: '$DOCKER_AUTH_CONFIG is no Docker config file',
      },
      { place: podman, found: true, problem: null },
      { place: path, found: true, problem: null },
      { place: join(folder, '.config/containers/auth.json'), found: false, problem: null },
    ]);
    const forPeople = await run(['doctor'], variables);
    expect(forPeople.stdout).toContain('gone.example');
    for (const secret of ['s3cret', config.auths['r.example'].auth]) {
      expect(stdout + forPeople.stdout).not.toContain(secret);
    }
  });

  test('asks what is on the PATH for its version, and believes no tool that fails', async () => {
    const tools = join(folder, 'bin');
    await mkdir(tools);
    const script = async (name: string, text: string) =>
      writeFile(join(tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await script('buildctl', 'echo "buildctl github.com/moby/buildkit v0.34.2 abc"');
    await script('git', 'echo "git version 2.39.5" >&2');
    await script('pack', 'echo 1.2.3; exit 1');
    const environment = { PATH: tools, DOCKER_HOST: `unix://${folder}/none.sock` };
    const { stdout } = await run(['doctor', '--json'], environment);
    const report = document.parse(JSON.parse(stdout));
    const buildpacks = report.strategies.find(({ name }) => name === 'buildpacks');
    expect(buildpacks).toEqual({ name: 'buildpacks', ok: false, needs: 'pack and a Docker Engine' });
    const found = report.engines.filter((engine) => engine.found);
    expect(found.map(({ name, version }) => [name, version])).toEqual([
      ['buildctl', '0.34.2'],
      ['git', '2.39.5'],
    ]);
  });

  test('says of a config file whether there is one', async () => {
    const config = async () => {
      const [json, text] = [await run(['doctor', '--json']), await run(['doctor'])];
      const word = /(\S+) +config/.exec(text.stdout)?.[1];
      return { word, ...document.parse(JSON.parse(json.stdout)).config };
    };
    const path = join(folder, '.config', 'dogwood', 'config.toml');
    expect(await config()).toEqual({ word: 'none', path, found: false, ok: true, problem: null });
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
    expect(await config()).toMatchObject({ word: 'ok', found: true, ok: true });
    await writeFile(path, 'x');
    expect(await config()).toMatchObject({ word: 'broken', found: true, ok: false });
  });

  test('shows how registries are reached, without a password', async () => {
    const own = join(folder, '.config', 'containers', 'certs.d', 'certs.example:5000');
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'ca.crt'), 'pem');
    const path = join(folder, '.config', 'dogwood', 'config.toml');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----');
    await writeFile(join(folder, 'me.pem'), 'pem');
    const lines = ['allow-outbound = ["auth.internal"]', 'insecure-registries = ["10.0.0.5:5000"]'];
    const hosts = [
      '[hosts."a.example"]',
      `ca = "${folder}/ca.pem"`,
      'mirrors = ["m.example/x"]',
      '[hosts."b.example"]',
      'ca = "none.pem"',
      '[hosts."c.example"]',
      `ca = "${folder}/me.pem"`,
      '[hosts."d.example"]',
      `cert = "${folder}/me.pem"`,
      `key = "${folder}/me.pem"`,
    ];
    await writeFile(path, [...lines, ...hosts].join('\n'));
    const environment = {
      HTTPS_PROXY: 'http://me:s3cret@proxy.example:3128',
      SSL_CERT_FILE: `${folder}/gone`,
    };
    const [json, text] = [await run(['doctor', '--json'], environment), await run(['doctor'], environment)];
    const { network } = document.parse(JSON.parse(json.stdout));
    const nothing = { authorities: 0, clientCertificate: false, insecure: false, mirrors: [], problem: null };
    expect(network).toMatchObject({
      proxies: [{ variable: 'HTTPS_PROXY', address: 'http://proxy.example:3128' }],
      authorities: [{ variable: 'SSL_CERT_FILE', path: `${folder}/gone`, ok: false }],
      allowOutbound: ['auth.internal'],
    });
    expect(network.hosts).toEqual(
      expect.arrayContaining([
        { ...nothing, host: '10.0.0.5:5000', insecure: true },
        { ...nothing, host: 'a.example', authorities: 1, mirrors: ['m.example/x'] },
        { ...nothing, host: 'b.example', problem: expect.stringContaining('none.pem cannot be read') },
        { ...nothing, host: 'c.example', problem: `no certificate is in ${folder}/me.pem` },
        {
          ...nothing,
          host: 'd.example',
          clientCertificate: true,
          problem: 'its client certificate and key do not go together or are no PEM',
        },
        { ...nothing, host: 'certs.example:5000', authorities: 1 },
      ]),
    );
    expect(text.stdout).toMatch(/ok +a\.example +authorities in 1 file, pulled from m\.example\/x first/);
    expect(text.stdout).toMatch(/set +HTTPS_PROXY +http:\/\/proxy\.example:3128/);
    expect(json.stdout + text.stdout).not.toContain('s3cret');
  });

  test('a home that cannot be written is what it ends with', async () => {
    await writeFile(join(folder, 'file'), '');
    const { exitCode, stdout } = await run(['doctor', '--json'], {
      DOGWOOD_HOME: join(folder, 'file', 'home'),
    });
    expect(exitCode).toBe(3);
    expect(document.parse(JSON.parse(stdout))).toMatchObject({ ok: false, home: { ok: false } });
  });
});
