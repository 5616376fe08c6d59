import { PassThrough, type Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import type { Target } from '../../src/oci/target.ts';
import { validate } from '../../src/oci/validate.ts';
import {
  describeBytes,
  putBytes,
  putJson,
  putSmallImage,
  putSmallIndex,
  type SmallImageOptions,
  sha256,
  TYPES,
  tarOf,
} from '../helpers/small-image.ts';

/** A target that gives other bytes for some descriptor than it should. */
function tampered(target: Target, descriptor: Descriptor | undefined, bytes: Uint8Array): Target {
  return {
    ...target,
    async open(wanted, options) {
      if (wanted.digest !== descriptor?.digest) return await target.open(wanted, options);
      return await bytesContent(bytes).open();
    },
  };
}

async function codesOf(target: Target, descriptor: Descriptor): Promise<string[]> {
  return (await validate(target, descriptor)).map((violation) => violation.code);
}

async function codesOfImage(options: SmallImageOptions): Promise<string[]> {
  const target = createMemoryTarget();
  return await codesOf(target, (await putSmallImage(target, options)).descriptor);
}

describe('a valid image', () => {
  it.each(['tar', 'gzip', 'zstd'] as const)('with layers as %s has no violation', async (compression) => {
    expect(await codesOfImage({ compression })).toEqual([]);
  });

  it('may be an index with attestations', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallIndex(target, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ]);
    expect(await validate(target, descriptor)).toEqual([]);
  });

  it('may be an artifact', async () => {
    const target = createMemoryTarget();
    const config = await putBytes(target, '{}', 'application/vnd.oci.empty.v1+json');
    const layer = await putBytes(target, 'sbom', 'application/spdx+json');
    const document = {
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      artifactType: 'x/y',
      config,
      layers: [layer],
    };
    expect(await codesOf(target, await putJson(target, document, TYPES.manifest))).toEqual([]);
  });

  it('may be Docker’s throughout', async () => {
    const docker = 'application/vnd.docker.';
    const target = createMemoryTarget();
    const tar = await tarOf({ a: 'b' });
    const layer = await putBytes(target, gzipSync(tar), `${docker}image.rootfs.diff.tar.gzip`);
    const rootfs = { type: 'layers', diff_ids: [sha256(tar)] };
    const config = await putJson(
      target,
      { os: 'linux', architecture: 'amd64', config: null, history: null, rootfs },
      `${docker}container.image.v1+json`,
    );
    const type = `${docker}distribution.manifest.v2+json`;
    const manifest = { schemaVersion: 2, mediaType: type, config, layers: [layer] };
    expect(await codesOf(target, await putJson(target, manifest, type))).toEqual([]);
  });
});

describe('bytes that are not what their descriptor says', () => {
  it.each(['manifest', 'config', 'layer'])('are named: %s', async (part) => {
    const memory = createMemoryTarget();
    const image = await putSmallImage(memory, { layers: [await tarOf({ a: 'b' })] });
    const which = { manifest: image.descriptor, config: image.config, layer: image.layers[0] }[part];
    if (which === undefined) throw new Error(part);
    const bytes = Buffer.concat(await (await memory.open(which)).toArray());
    const padded =
      part === 'layer' ? Buffer.concat([bytes, gzipSync('')]) : Buffer.concat([bytes, Buffer.from(' ')]);
    const codes = await codesOf(tampered(memory, which, padded), image.descriptor);
    expect(codes).toEqual(['SIZE_WRONG', 'DIGEST_WRONG']);
  });

  it('are named when they are missing', async () => {
    const full = createMemoryTarget();
    const image = await putSmallImage(full);
    const target = createMemoryTarget();
    const bytes = Buffer.concat(await (await full.open(image.descriptor)).toArray());
    await target.put(bytesContent(bytes), image.descriptor);
    const violations = await validate(target, image.descriptor);
    expect(violations.map(({ code }) => code)).toEqual(['BLOB_MISSING', 'BLOB_MISSING', 'BLOB_MISSING']);
    expect(violations.map(({ where }) => where)).toEqual([
      `config ${image.config.digest}`,
      `layer 1 of 2 (${image.layers[0]?.digest})`,
      `layer 2 of 2 (${image.layers[1]?.digest})`,
    ]);
    expect(await codesOf(createMemoryTarget(), image.descriptor)).toEqual(['BLOB_MISSING']);
  });

  it('are told from a target that fails', async () => {
    const memory = createMemoryTarget();
    const { descriptor, config } = await putSmallImage(memory);
    const failing: Target = {
      ...memory,
      open: (wanted, options) =>
        wanted.digest === config.digest
          ? Promise.reject(new Error('the network is down'))
          : memory.open(wanted, options),
    };
    await expect(validate(failing, descriptor)).rejects.toThrow('the network is down');
  });

  it('are named when embedded', async () => {
    const memory = createMemoryTarget();
    const config = await putSmallImage(memory);
    const manifest = { config: { ...config.config, data: Buffer.from('other').toString('base64') } };
    expect(await codesOfImage({ manifest })).toContain('DATA_WRONG');
  });
});

describe('documents', () => {
  it.each([
    ['no JSON', 'x'],
    ['an index and a manifest at once', JSON.stringify({ schemaVersion: 2, manifests: [], layers: [] })],
    ['schema 1', JSON.stringify({ schemaVersion: 1, layers: [] })],
  ])('of a wrong form are named: %s', async (_what, text) => {
    const target = createMemoryTarget();
    const descriptor = await putBytes(target, text, TYPES.manifest);
    expect(new Set(await codesOf(target, descriptor))).toEqual(new Set(['DOCUMENT_INVALID']));
  });

  it('are named with all their problems', async () => {
    const target = createMemoryTarget();
    const text = JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'x', digest: 'y', size: -1 },
      layers: 1,
    });
    const violations = await validate(target, await putBytes(target, text, TYPES.manifest));
    expect(violations.map(({ message }) => message.split(':')[0])).toEqual([
      'config.digest',
      'config.size',
      'layers',
    ]);
  });

  it('are named when their type is not the stated one', async () => {
    const docker = 'application/vnd.docker.distribution.manifest.v2+json';
    expect(await codesOfImage({ manifest: { mediaType: docker } })).toEqual(['MEDIA_TYPE_WRONG']);
    const target = createMemoryTarget();
    const image = await putSmallImage(target);
    expect(await codesOf(target, { ...image.descriptor, mediaType: TYPES.index })).toEqual([
      'DOCUMENT_INVALID',
    ]);
    expect(await codesOf(target, { ...image.descriptor, mediaType: 'x/y' })).toEqual(['MEDIA_TYPE_UNKNOWN']);
  });

  it('are named when they mix the types of Docker and OCI', async () => {
    const target = createMemoryTarget();
    const tar = await tarOf({ a: 'b' });
    const layer = await putBytes(target, gzipSync(tar), 'application/vnd.docker.image.rootfs.diff.tar.gzip');
    const config = { rootfs: { type: 'layers', diff_ids: [sha256(tar)] }, history: undefined };
    const { descriptor } = await putSmallImage(target, { config, manifest: { layers: [layer] } });
    expect(await codesOf(target, descriptor)).toEqual(['MEDIA_TYPES_MIXED']);
  });
});

describe('manifest, config and index', () => {
  it('must agree on the number of layers and of history', async () => {
    const rootfs = { type: 'layers', diff_ids: [] };
    expect(await codesOfImage({ config: { rootfs, history: [] } })).toEqual(['LAYER_COUNT']);
    const made = { created_by: 'x' };
    const empty = { created_by: 'y', empty_layer: true };
    expect(await codesOfImage({ config: { history: [made, empty, made] } })).toEqual([]);
    expect(await codesOfImage({ config: { history: [made, empty] } })).toEqual(['HISTORY_COUNT']);
    expect(await codesOfImage({ config: { history: undefined } })).toEqual([]);
  });

  it('must agree on the platform', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target);
    const entry = { ...descriptor, platform: { os: 'linux', architecture: 'arm64' } };
    const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [entry] };
    expect(await codesOf(target, await putJson(target, index, TYPES.index))).toEqual(['PLATFORM_MISMATCH']);
  });

  it('must not list an image twice', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target);
    const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [descriptor, descriptor] };
    expect(await codesOf(target, await putJson(target, index, TYPES.index))).toEqual(['INDEX_DUPLICATE']);
  });
});

describe('a config', () => {
  it.each([
    ['CONFIG_PLATFORM', { os: '' }],
    ['CONFIG_PLATFORM', { architecture: '' }],
    ['CONFIG_CREATED', { created: 'yesterday' }],
    ['CONFIG_CREATED', { created: '2024-13-01T00:00:00Z' }],
    ['CONFIG_ENV', { config: { Env: ['A=1', 'NO_VALUE'] } }],
    ['CONFIG_ENV', { config: { Env: ['=x'] } }],
    ['CONFIG_WORKDIR', { config: { WorkingDir: 'app' } }],
    ['CONFIG_PORT', { config: { ExposedPorts: { 'http/tcp': {} } } }],
    ['CONFIG_PORT', { config: { ExposedPorts: { '70000/tcp': {} } } }],
    ['CONFIG_VOLUME', { config: { Volumes: { data: {} } } }],
    ['CONFIG_STOP_SIGNAL', { config: { StopSignal: 'stop!' } }],
    ['DOCUMENT_INVALID', { config: { Env: 'A=1' } }],
    ['DOCUMENT_INVALID', { rootfs: { type: 'layers', diff_ids: ['abc'] } }],
  ])('must not break %s: %j', async (code, config) => {
    expect(await codesOfImage({ config })).toEqual([code]);
  });

  it('may say little, or what Docker says', async () => {
    const config = {
      ExposedPorts: { 80: {}, '53/udp': {}, '1000-1010/tcp': {} },
      StopSignal: 'SIGRTMIN+3',
      Env: ['A='],
    };
    expect(
      await codesOfImage({ config: { config, created: '2024-01-01T00:00:00.123456789+02:00' } }),
    ).toEqual([]);
    expect(await codesOfImage({ config: { config: null, created: null } })).toEqual([]);
  });

  it('never has the value of a variable repeated', async () => {
    const target = createMemoryTarget();
    const { descriptor } = await putSmallImage(target, {
      config: { config: { Env: ['hunter2', '=hunter2'] } },
    });
    const violations = await validate(target, descriptor);
    expect(violations).toHaveLength(2);
    expect(JSON.stringify(violations)).not.toContain('hunter2');
  });
});

describe('a layer', () => {
  async function codesOfLayer(bytes: Buffer, type: string, diffId: string): Promise<string[]> {
    const target = createMemoryTarget();
    const layer = await putBytes(target, bytes, type);
    const config = { rootfs: { type: 'layers', diff_ids: [diffId] }, history: undefined };
    const { descriptor } = await putSmallImage(target, { config, manifest: { layers: [layer] } });
    return await codesOf(target, descriptor);
  }

  it('must be compressed as its type says', async () => {
    const tar = await tarOf({ a: 'b' });
    expect(await codesOfLayer(tar, TYPES.gzip, sha256(tar))).toEqual(['COMPRESSION_WRONG']);
    expect(await codesOfLayer(gzipSync(tar), TYPES.tar, sha256(tar))).toEqual(['COMPRESSION_WRONG']);
    expect(await codesOfLayer(gzipSync(tar), TYPES.zstd, sha256(tar))).toEqual(['COMPRESSION_WRONG']);
  });

  it('is let go of, also when it is compressed in a way that is never read', async () => {
    const target = createMemoryTarget();
    const layer = await putBytes(target, 'BZh91AY and so on', TYPES.gzip);
    const config = { rootfs: { type: 'layers', diff_ids: [layer.digest] }, history: undefined };
    const { descriptor } = await putSmallImage(target, { config, manifest: { layers: [layer] } });
    const opened: Readable[] = [];
    const watched: Target = {
      ...target,
      async open(wanted, options) {
        // Endless, as far as a reader of its beginning can tell.
        const stream =
          wanted.digest === layer.digest ? new PassThrough() : await target.open(wanted, options);
        if (stream instanceof PassThrough) {
          stream.write('BZh91AY and so on');
          if (opened.push(stream) > 1) stream.end();
        }
        return stream;
      },
    };
    expect(await codesOf(watched, descriptor)).toEqual(['COMPRESSION_WRONG']);
    expect(opened.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it('must hold what the config says', async () => {
    const tar = await tarOf({ a: 'b' });
    expect(await codesOfLayer(gzipSync(tar), TYPES.gzip, sha256('other'))).toEqual(['DIFF_ID_WRONG']);
  });

  it('must be a whole tar', async () => {
    const tar = await tarOf({ a: Buffer.alloc(5000) });
    const cut = tar.subarray(0, 2000);
    expect(await codesOfLayer(gzipSync(cut), TYPES.gzip, sha256(cut))).toEqual(['LAYER_UNREADABLE']);
    const text = Buffer.from('this is no tar'.repeat(100));
    expect(await codesOfLayer(text, TYPES.tar, sha256(text))).toEqual(['LAYER_UNREADABLE']);
    const zipped = gzipSync(tar).subarray(0, 60);
    expect(await codesOfLayer(zipped, TYPES.gzip, sha256(tar))).toEqual(['LAYER_UNREADABLE']);
  });

  it('has each path once', async () => {
    const [one, two] = [await tarOf({ 'a/b': '1' }), await tarOf({ './a//b': '2' })];
    const both = Buffer.concat([one.subarray(0, -1024), two]);
    expect(await codesOfLayer(both, TYPES.tar, sha256(both))).toEqual(['LAYER_DUPLICATE']);
  });

  it('names the first of many repeated paths and counts the rest', async () => {
    const target = createMemoryTarget();
    const files = await tarOf(Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`f${i}`, ''])));
    const twice = Buffer.concat([files.subarray(0, -1024), files]);
    const { descriptor } = await putSmallImage(target, { layers: [twice] });
    const messages = (await validate(target, descriptor)).map(({ message }) => message);
    expect(messages).toHaveLength(11);
    expect(messages[0]).toBe('"f0" is there several times');
    expect(messages[10]).toBe('and 15 more');
  });

  it('has no whiteout of nothing', async () => {
    const tar = await tarOf({ 'a/.wh.': '', 'a/.wh.b': '', 'a/.wh..wh..opq': '' });
    expect(await codesOfLayer(tar, TYPES.tar, sha256(tar))).toEqual(['LAYER_WHITEOUT']);
  });

  it('is of a type we know', async () => {
    const tar = await tarOf({ a: 'b' });
    expect(await codesOfLayer(tar, 'application/x-layer', sha256(tar))).toEqual(['MEDIA_TYPE_UNKNOWN']);
  });

  it('may not be left out, even if others leave it out', async () => {
    const target = createMemoryTarget();
    const type = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
    const layer = describeBytes('elsewhere', type);
    const config = { rootfs: { type: 'layers', diff_ids: [sha256('x')] }, history: undefined };
    const { descriptor } = await putSmallImage(target, { config, manifest: { layers: [layer] } });
    expect(await codesOf(target, descriptor)).toEqual(['LAYER_NOT_INCLUDED']);
  });
});

it('reports everything, not only the first', async () => {
  const target = createMemoryTarget();
  const tar = await tarOf({ a: 'b' });
  const layer = await putBytes(target, tar, TYPES.gzip);
  const config = {
    os: '',
    config: { WorkingDir: 'x', Env: ['y'] },
    rootfs: { type: 'layers', diff_ids: [sha256('1'), sha256('2')] },
  };
  const { descriptor } = await putSmallImage(target, { config, manifest: { layers: [layer] } });
  expect(await codesOf(target, descriptor)).toEqual([
    'CONFIG_PLATFORM',
    'CONFIG_ENV',
    'CONFIG_WORKDIR',
    'LAYER_COUNT',
    'HISTORY_COUNT',
    'COMPRESSION_WRONG',
    'DIFF_ID_WRONG',
  ]);
});
