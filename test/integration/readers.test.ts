import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyImage } from '../../src/pipeline/copy.ts';
import { busyboxBase } from '../helpers/base-image.ts';
import { type BuildDocument, buildOrThrow } from '../helpers/command.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith } from '../helpers/engines.ts';
import { listTree, type TreeEntry } from '../helpers/file-tree.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { knots } from '../helpers/slug-apps.ts';
import { type MadeSlug, makeSlug } from '../helpers/slugs.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** What we write. The kept layer is the slug itself: its members are called ./app/x. */
const KINDS = {
  kept: [],
  'canonical-gzip': ['--layer', 'canonical'],
  'canonical-zstd': ['--compression', 'zstd'],
  'canonical-none': ['--compression', 'none'],
} as const;
type Kind = keyof typeof KINDS;
const ALL = Object.keys(KINDS) as Kind[];
/** For readers from before zstd layers. */
const WITHOUT_ZSTD = ALL.filter((kind) => kind !== 'canonical-zstd');

describeWith(['busybox', 'registry', 'gnutar', 'bash', 'root'], 'what we write', ({ gnutar }) => {
  let folder: string;
  let registry: RunningRegistry;
  let slug: MadeSlug;
  const built = new Map<Kind, BuildDocument>();

  const layout = (kind: Kind) => `${folder}/${kind}:v1`;
  const ociArchive = (kind: Kind) => `${folder}/${kind}.oci.tar`;
  const dockerArchive = (kind: Kind) => `${folder}/${kind}.docker.tar`;
  const reference = (kind: Kind) => `${registry.host}/readers/${kind}:v1`;

  beforeAll(async () => {
    folder = await temporaryFolder();
    registry = await startRegistry({ kind: 'distribution3' });
    slug = await makeSlug(folder, 'shell', { modify: knots });
    const base = (await busyboxBase(join(folder, 'base'))).layout;
    const home = join(folder, 'home');
    for (const kind of ALL) {
      const words = [slug.path, '--base', `oci:${base}`, ...KINDS[kind], '-o', `oci:${layout(kind)}`];
      built.set(kind, await buildOrThrow(words, { home }));
      const places = [
        `oci-archive:${ociArchive(kind)}`,
        `docker-archive:${dockerArchive(kind)}:readers:${kind}`,
      ];
      for (const to of [...places, `docker://${reference(kind)}`]) {
        await copyImage(`oci:${layout(kind)}`, to, pipelineEnvironment(home), { compression: 'keep' });
      }
    }
  });
  afterAll(() => registry.stop());

  const result = (kind: Kind): BuildDocument => {
    const found = built.get(kind);
    if (found === undefined) throw new Error(`${kind} was not built`);
    return found;
  };
  const diffIds = (kind: Kind) => result(kind).layers.map(({ diffId }) => diffId);

  /** /app as GNU tar unpacks the slug; the owner is what the image says. */
  async function expectedTree(kind: Kind): Promise<Readonly<Record<string, TreeEntry>>> {
    const root = join(await temporaryFolder(), 'unpacked');
    await mkdir(root);
    execFileSync(gnutar, ['-xzpf', slug.path, '--numeric-owner', '-C', root]);
    const owner = kind === 'kept' ? { uid: 57350, gid: 57350 } : { uid: 1000, gid: 1000 };
    const entries = Object.entries(listTree(join(root, 'app'))).map(([path, entry]) => [
      path,
      { ...entry, ...owner },
    ]);
    return Object.fromEntries(entries);
  }

  describeWith(['skopeo'], 'is read by skopeo', ({ skopeo }) => {
    /** Copies from a place into a layout; skopeo checks every digest on its way. Gives the config it found. */
    async function configBySkopeo(from: string): Promise<{ digest: string; diffIds: readonly string[] }> {
      const home = await temporaryFolder();
      // A home of its own: skopeo remembers which blobs are the same and may put another one in place.
      const run = (...words: readonly string[]) =>
        execa(skopeo, words, { env: { HOME: home, REGISTRY_AUTH_FILE: '' } });
      await run('copy', '--insecure-policy', '--src-tls-verify=false', from, `oci:${home}/copy:v1`);
      const { stdout } = await run('inspect', '--raw', `oci:${home}/copy:v1`);
      const { digest } = JSON.parse(stdout).config;
      const config = await readFile(join(home, 'copy/blobs/sha256', digest.slice(7)), 'utf8');
      return { digest, diffIds: JSON.parse(config).rootfs.diff_ids };
    }

    test.each(ALL)('%s: layout, archives, registry', async (kind) => {
      const expected = { digest: result(kind).config.digest, diffIds: diffIds(kind) };
      expect(await configBySkopeo(`oci:${layout(kind)}`)).toEqual(expected);
      expect(await configBySkopeo(`oci-archive:${ociArchive(kind)}`)).toEqual(expected);
      expect(await configBySkopeo(`docker://${reference(kind)}`)).toEqual(expected);
      // skopeo writes a config of its own when it turns a docker-archive into OCI.
      expect((await configBySkopeo(`docker-archive:${dockerArchive(kind)}`)).diffIds).toEqual(
        expected.diffIds,
      );
    });
  });

  describeWith(['umoci'], 'is unpacked by umoci', ({ umoci }) => {
    test.each(WITHOUT_ZSTD)('%s: the tree is GNU tar’s', async (kind) => {
      const bundle = join(await temporaryFolder(), 'bundle');
      await execa(umoci, ['unpack', '--image', layout(kind), bundle]);
      expect(listTree(join(bundle, 'rootfs/app'))).toEqual(await expectedTree(kind));
      const config = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
      expect(config.process).toMatchObject({ args: ['/dogwood/launch', 'web'], cwd: '/app' });
    });

    test('canonical-zstd is refused: umoci 0.4 has no zstd', async () => {
      const bundle = join(await temporaryFolder(), 'bundle');
      const { exitCode } = await execa(umoci, ['unpack', '--image', layout('canonical-zstd'), bundle], {
        reject: false,
      });
      expect(exitCode).not.toBe(0);
    });
  });

  describeWith(['crane'], 'is validated by crane', ({ crane }) => {
    test.each(ALL)('%s: registry and tarball', async (kind) => {
      const env = { HOME: await temporaryFolder() };
      const validate = async (...words: readonly string[]) =>
        (await execa(crane, ['validate', ...words], { env, all: true })).all;
      // It takes every layer for gzip; of others only manifest and config are looked at.
      const fast = result(kind).layers.every(({ mediaType }) => mediaType.endsWith('gzip')) ? [] : ['--fast'];
      expect(fast).toHaveLength(kind === 'kept' || kind === 'canonical-gzip' ? 0 : 1);
      expect(await validate('--insecure', ...fast, '--remote', reference(kind))).toContain('PASS');
      expect(await validate('--tarball', dockerArchive(kind))).toContain('PASS');
      const { stdout } = await execa(crane, ['digest', '--insecure', reference(kind)], { env });
      expect(stdout).toBe(result(kind).image.digest);
    });
  });

  describeWith(['docker'], 'is taken by Docker 20.10', () => {
    let engine: Docker;
    beforeAll(async () => {
      engine = await dockerEngine();
    });

    const inspected = async (name: string) => {
      const text = await engine.docker('inspect', '-f', '{{.Id}} {{json .RootFS.Layers}}', name);
      const [id, layers = ''] = text.split(' ');
      return { id, layers: JSON.parse(layers) };
    };

    test.each(ALL)('%s: docker load', async (kind) => {
      await engine.docker('load', '--input', dockerArchive(kind));
      expect(await inspected(`readers:${kind}`)).toEqual({
        id: result(kind).config.digest,
        layers: diffIds(kind),
      });
      await engine.docker('rmi', `readers:${kind}`);
    });

    test.each(WITHOUT_ZSTD)('%s: docker pull', async (kind) => {
      await engine.docker('pull', '--quiet', reference(kind));
      expect(await inspected(reference(kind))).toEqual({
        id: result(kind).config.digest,
        layers: diffIds(kind),
      });
      // Or the next one, the same inside, would not be unpacked at all.
      await engine.docker('rmi', reference(kind));
    });

    test('canonical-zstd is refused: Docker reads it from version 23 on', async () => {
      await expect(engine.docker('pull', '--quiet', reference('canonical-zstd'))).rejects.toThrow(/tar|zstd/);
    });
  });

  describeWith(['podman'], 'is unpacked by podman', ({ podman }) => {
    describe.each(['registry', 'oci-archive', 'docker-archive'] as const)('from %s', (from) => {
      test.each(from === 'registry' ? ALL : (['canonical-zstd'] as const))('%s', async (kind) => {
        const home = await temporaryFolder();
        const storage = [
          '--root',
          join(home, 'root'),
          '--runroot',
          join(home, 'run'),
          '--storage-driver',
          'vfs',
        ];
        const run = async (...words: readonly string[]) =>
          (await execa(podman, [...storage, ...words], { env: { HOME: home } })).stdout;
        const place = {
          registry: ['--tls-verify=false', reference(kind)],
          'oci-archive': [`oci-archive:${ociArchive(kind)}`],
          'docker-archive': [`docker-archive:${dockerArchive(kind)}`],
        };
        const id = (await run('pull', '--quiet', ...place[from])).trim();
        try {
          if (from === 'registry') expect(`sha256:${id}`).toBe(result(kind).config.digest);
          const root = (await run('image', 'mount', id)).trim();
          expect(listTree(join(root, 'app'))).toEqual(await expectedTree(kind));
        } finally {
          await run('image', 'umount', '--all');
        }
      });
    });
  });
});
