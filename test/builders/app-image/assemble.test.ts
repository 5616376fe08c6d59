import { describe, expect, test } from 'vitest';
import { type AppImageParts, assembleImage } from '../../../src/builders/app-image/assemble.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import type { Image } from '../../../src/oci/image.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { putSmallImage, sha256, TYPES } from '../../helpers/small-image.ts';

const signal = new AbortController().signal;
const ADDED = ['user', 'launcher', 'slug'].map((name) => ({
  descriptor: { mediaType: TYPES.gzip, digest: digestOf(name), size: name.length },
  diffId: digestOf(`${name} inside`),
  createdBy: `dogwood: ${name}`,
}));

function parts(changes: Partial<AppImageParts> = {}): AppImageParts {
  return {
    base: undefined,
    baseName: undefined,
    added: ADDED,
    platform: { os: 'linux', architecture: 'amd64' },
    owner: { uid: 57350, gid: 57351 },
    processes: { web: 'node .', worker: 'node worker.js' },
    env: {},
    labels: {},
    epoch: 0,
    ...changes,
  };
}

async function assembled(
  changes: Partial<AppImageParts> = {},
  into: Target = createMemoryTarget(),
): Promise<Image> {
  return await loadImage(into, await assembleImage(parts(changes), into, signal), { signal });
}

async function baseWith(config: Readonly<Record<string, unknown>>, manifest = {}): Promise<Image> {
  const target = createMemoryTarget();
  return await loadImage(target, (await putSmallImage(target, { config, manifest })).descriptor, { signal });
}

describe('the image of a slug', () => {
  test('is the same for the same parts, in whatever order they were found', async () => {
    const one = await assembled({ processes: { a: '1', b: '2' }, labels: { x: '1', y: '2' } });
    const two = await assembled({ labels: { y: '2', x: '1' }, processes: { b: '2', a: '1' } });
    expect(two.descriptor).toEqual(one.descriptor);
    expect((await assembled({ epoch: 1 })).descriptor.digest).not.toBe((await assembled()).descriptor.digest);
  });

  test('starts the launcher in /app as the slug’s owner', async () => {
    const { config } = await assembled({ env: { B: 'x=y', HOME: '/elsewhere' } });
    expect(config.config).toMatchObject({
      User: '57350:57351',
      WorkingDir: '/app',
      Entrypoint: ['/dogwood/launch'],
      Cmd: ['web'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'B=x=y', 'HOME=/app'],
      Labels: { 'dogwood.processes': '{"web":"node .","worker":"node worker.js"}' },
    });
    expect((await assembled({ processes: { worker: 'x' } })).config.config?.Cmd).toBeUndefined();
    expect(config.created).toBe('1970-01-01T00:00:00Z');
  });

  test('takes the environment and stop signal of its base, but none of its labels', async () => {
    const Labels = {
      'org.opencontainers.image.title': 'base',
      'io.kubernetes.cri-o.x': '1',
      'io.containerd.x': '1',
      'cdi.k8s.io/x': '1',
      'org.criu.checkpoint': '1',
      'dogwood.processes': '{"web":"of the base"}',
    };
    const base = await baseWith({
      config: {
        Env: ['PATH=/base', 'LANG=C'],
        StopSignal: 'SIGINT',
        Labels,
        Volumes: { '/v': {} },
        OnBuild: ['x'],
      },
    });
    const { config } = await assembled({ base, labels: { mine: 'yes' }, env: { LANG: 'de' } });
    expect(config.config?.Env).toEqual(['PATH=/base', 'LANG=de', 'HOME=/app']);
    expect(config.config?.StopSignal).toBe('SIGINT');
    expect(Object.keys(config.config?.Labels ?? {}).sort()).toEqual(['dogwood.processes', 'mine']);
    expect(config.config?.Labels?.['dogwood.processes']).toContain('node .');
    expect(Object.keys(config.config ?? {})).not.toContain('Volumes');
  });

  test('says what it stands on', async () => {
    const base = await baseWith({});
    const { manifest } = await assembled({ base, baseName: 'docker.io/heroku/heroku:24' });
    expect(manifest.annotations).toEqual({
      'org.opencontainers.image.base.digest': base.descriptor.digest,
      'org.opencontainers.image.base.name': 'docker.io/heroku/heroku:24',
    });
    expect((await assembled()).manifest.annotations).toBeUndefined();
  });
});

describe('history and layers agree', () => {
  const entry = (created_by: string, empty_layer?: boolean) => ({
    created_by,
    ...(empty_layer ? { empty_layer } : {}),
  });

  test.each([
    ['as they should', [entry('one'), entry('env', true), entry('two')], ['one', 'env', 'two']],
    ['without any history', undefined, ['base image', 'base image']],
    ['with too little', [entry('one')], ['one', 'base image']],
    ['with too much', [entry('one'), entry('two'), entry('three')], ['base image', 'base image']],
  ])('over a base %s', async (_what, history, expected) => {
    const base = await baseWith({ history });
    const { config } = await assembled({ base });
    const found = config.history ?? [];
    expect(found.map(({ created_by }) => created_by)).toEqual([
      ...expected,
      ...ADDED.map(({ createdBy }) => createdBy),
    ]);
    expect(found.filter(({ empty_layer }) => !empty_layer)).toHaveLength(config.rootfs.diff_ids.length);
  });

  test('and the base’s layers come first, under OCI’s names for their types', async () => {
    const docker = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
    const target = createMemoryTarget();
    const image = await putSmallImage(target);
    const layers = image.layers.map((layer) => ({
      ...layer,
      mediaType: docker,
      annotations: { drop: 'me' },
    }));
    const base = await baseWith({}, { layers });
    expect(base.layers[0]?.descriptor.mediaType).toBe(docker);
    const { manifest, config } = await assembled({ base });
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(Array(5).fill(TYPES.gzip));
    expect(manifest.layers.slice(0, 2).map(({ digest }) => digest)).toEqual(
      image.layers.map(({ digest }) => digest),
    );
    expect(manifest.layers[0]).not.toHaveProperty('annotations');
    expect(config.rootfs.diff_ids).toEqual([...image.diffIds, ...ADDED.map(({ diffId }) => diffId)]);
    expect(manifest.config.digest).toBe(sha256((await assembled({ base })).configBytes));
  });
});
