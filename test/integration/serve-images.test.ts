/** `build images serve` as people use it: the engines and tools they have pull from it. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../src/oci/stores/local.ts';
import { validate } from '../../src/oci/validate.ts';
import { selfSigned } from '../helpers/certificate.ts';
import { buildOrThrow, startCommand } from '../helpers/command.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith } from '../helpers/engines.ts';
import { putSmallImage, putSmallIndex, type SmallImage, tarOf } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const TOKEN = 'a-token-for-those-who-pull';

interface Served {
  readonly folder: string;
  readonly host: string;
  readonly url: string;
  readonly image: SmallImage;
  readonly index: string;
  /** Ends it with a signal; gives the exit code and what was said. */
  end(signal: 'SIGINT' | 'SIGTERM'): Promise<{ exitCode: number | undefined; stderr: string }>;
}

/** A home with an image and an index in its store, served by the program until the test ends. */
async function serve(...flags: readonly string[]): Promise<Served> {
  const folder = await temporaryFolder();
  const home = join(folder, 'home');
  await mkdir(home);
  const store = await openLocalStore(home);
  const large = await tarOf({ 'app/large': Buffer.alloc(3_000_000, 'dogwood ') });
  const image = await putSmallImage(store, { layers: [await tarOf({ 'app/hello': 'hello\n' }), large] });
  const index = await putSmallIndex(store, [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
  ]);
  await store.tag(image.descriptor, 'team/app:v1');
  await store.tag(index.descriptor, 'team/app:all');
  store.close();
  const tokens = join(folder, 'tokens');
  await writeFile(tokens, `${TOKEN} team/*\n`);
  const words = flags.map((flag) => (flag === 'TOKENS' ? tokens : flag));
  const child = startCommand(['images', 'serve', '--listen', '127.0.0.1:0', '--json', ...words], { home });
  onTestFinished(() => void child.kill('SIGKILL'));
  const { host, url } = await firstDocument(child);
  return {
    folder,
    host,
    url,
    image,
    index: index.descriptor.digest,
    async end(signal) {
      child.kill(signal);
      const { exitCode, stderr } = await child;
      return { exitCode, stderr };
    },
  };
}

async function firstDocument(child: ReturnType<typeof startCommand>): Promise<{ host: string; url: string }> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (text.endsWith('\n}\n')) return JSON.parse(text);
  }
  throw new Error(`it did not begin: ${(await child).stderr}`);
}

/** Runs a program with a home of its own; gives its standard output. */
function run(folder: string, program: string, ...args: readonly string[]): string {
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder };
  return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('build images serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends well with %s, and keeps a log without secrets',
    async (signal) => {
      const { folder, host, url, end } = await serve('--token-file', 'TOKENS');
      expect(url).toBe(`http://${host}`);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { tags } = (await (await fetch(`${url}/v2/team/app/tags/list`, { headers })).json()) as {
        tags: string[];
      };
      expect(tags).toEqual(['all', 'v1']);
      expect((await fetch(`${url}/v2/`)).status).toBe(401);
      expect(await end(signal)).toEqual({ exitCode: 0, stderr: '' });
      const log = run(folder, 'sh', '-c', `cat ${folder}/home/logs/*-images-serve-*.log`);
      expect(log).toContain('/v2/team/app/tags/list');
      expect(log).not.toContain(TOKEN);
    },
  );

  it('gives our own client the image, byte for byte, and nothing on a second run', async () => {
    const { folder, host, image, index } = await serve();
    const home = join(folder, 'other');
    for (const [tag, digest] of [
      ['v1', image.descriptor.digest],
      ['all', index],
    ]) {
      const words = ['copy', `docker://${host}/team/app:${tag}`, `oci:${folder}/copy:${tag}`];
      const { image: copied, ...counts } = (await buildOrThrow(words, { home })) as never as {
        image: { digest: string };
        uploadedBytes: number;
      };
      expect(copied.digest).toBe(digest);
      expect(counts.uploadedBytes).toBeGreaterThan(0);
      expect(await buildOrThrow(words, { home })).toMatchObject({ uploadedBytes: 0 });
    }
    const layout = await openLayout(join(folder, 'copy'));
    const found = await layout.resolve('all');
    expect(found && (await validate(layout, found))).toEqual([]);
  });

  it('tells our own client clearly that nothing can be pushed', async () => {
    const { folder, host } = await serve();
    const { exitCode, stderr } = await startCommand(
      ['copy', `docker://${host}/team/app:v1`, `docker://${host}/team/app:v2`, '--json'],
      { home: join(folder, 'other') },
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('pull-only');
  });
});

describeWith(['skopeo'], 'skopeo', ({ skopeo }) => {
  it('copies and inspects an image and an index, with a token', async () => {
    const { folder, host, image, index } = await serve('--token-file', 'TOKENS');
    const credentials = ['--creds', `anybody:${TOKEN}`];
    const insecure = ['--src-tls-verify=false', '--src-creds', `anybody:${TOKEN}`];
    for (const [tag, digest] of [
      ['v1', image.descriptor.digest],
      ['all', index],
    ]) {
      const from = `docker://${host}/team/app:${tag}`;
      run(
        folder,
        skopeo,
        '--insecure-policy',
        'copy',
        '--all',
        ...insecure,
        from,
        `oci:${folder}/copy:${tag}`,
      );
      expect((await (await openLayout(join(folder, 'copy'))).resolve(`${tag}`))?.digest).toBe(digest);
    }
    const found = run(
      folder,
      skopeo,
      'inspect',
      '--tls-verify=false',
      ...credentials,
      `docker://${host}/team/app:v1`,
    );
    expect(JSON.parse(found)).toMatchObject({ Digest: image.descriptor.digest, RepoTags: ['all', 'v1'] });
    expect(() =>
      run(folder, skopeo, 'inspect', '--tls-verify=false', `docker://${host}/team/app:v1`),
    ).toThrow(/authentication required|unauthorized/);
  });
});

describeWith(['crane'], 'crane', ({ crane }) => {
  it('pulls, validates and lists', async () => {
    const { folder, host, image, index } = await serve();
    run(folder, crane, 'validate', '--remote', `${host}/team/app:v1`);
    expect(run(folder, crane, 'digest', `${host}/team/app:v1`).trim()).toBe(image.descriptor.digest);
    expect(run(folder, crane, 'digest', `${host}/team/app:all`).trim()).toBe(index);
    expect(run(folder, crane, 'ls', `${host}/team/app`)).toBe('all\nv1\n');
    run(folder, crane, 'pull', '--format', 'oci', `${host}/team/app:all`, join(folder, 'pulled'));
    const document = JSON.parse(await readFile(join(folder, 'pulled/index.json'), 'utf8'));
    expect(document.manifests[0].digest).toBe(index);
  });
});

describeWith(['podman'], 'podman', ({ podman }) => {
  it('pulls by tag and by digest', async () => {
    const { folder, host, image } = await serve('--token-file', 'TOKENS');
    await mkdir(join(folder, 'run'));
    const storage = [
      '--root',
      join(folder, 'root'),
      '--runroot',
      join(folder, 'run'),
      '--storage-driver',
      'vfs',
    ];
    const pull = (reference: string) =>
      run(
        folder,
        podman,
        ...storage,
        'pull',
        '--tls-verify=false',
        '--creds',
        `anybody:${TOKEN}`,
        '-q',
        reference,
      );
    for (const reference of [`${host}/team/app:v1`, `${host}/team/app@${image.descriptor.digest}`]) {
      expect(`sha256:${pull(reference).trim()}`).toBe(image.config.digest);
    }
  });
});

describeWith(['docker'], 'Docker', () => {
  let engine: Docker;
  beforeAll(async () => {
    engine = await dockerEngine();
  });

  it('pulls an image and, of an index, its platform; and is told that it cannot push', async () => {
    const { host, image, index } = await serve();
    for (const [tag, digest] of [
      ['v1', image.descriptor.digest],
      ['all', index],
    ]) {
      const name = `${host}/team/app:${tag}`;
      expect(await engine.docker('pull', name)).toContain(`Digest: ${digest}`);
      const [inspected] = JSON.parse(await engine.docker('image', 'inspect', name));
      expect(inspected.RepoDigests).toContain(`${host}/team/app@${digest}`);
      if (tag === 'v1') expect(inspected.Id).toBe(image.config.digest);
      await expect(engine.docker('push', name)).rejects.toThrow(/pull-only/);
      await engine.docker('image', 'rm', name);
    }
  });

  it('logs in with a token', async () => {
    const { host, image } = await serve('--token-file', 'TOKENS');
    const name = `${host}/team/app@${image.descriptor.digest}`;
    await expect(engine.docker('pull', name)).rejects.toThrow(/no basic auth credentials|a token is needed/);
    await engine.docker('login', '--username', 'anybody', '--password', TOKEN, host);
    onTestFinished(async () => void (await engine.docker('logout', host)));
    await engine.docker('pull', '--quiet', name);
    await engine.docker('image', 'rm', name);
  });
});

describeWith(['openssl', 'crane'], 'with TLS', ({ crane }) => {
  it('is pulled from by those who trust its certificate', async () => {
    const { certPath, keyPath } = await selfSigned();
    const { folder, host, url, image } = await serve('--tls-cert', certPath, '--tls-key', keyPath);
    expect(url).toBe(`https://${host}`);
    process.env.SSL_CERT_FILE = certPath;
    onTestFinished(() => void delete process.env.SSL_CERT_FILE);
    expect(run(folder, crane, 'digest', `${host}/team/app:v1`).trim()).toBe(image.descriptor.digest);
  });
});
