import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { type ServedStore, serveStore } from '../../helpers/served-store.ts';
import { putBytes, putSmallImage, putSmallIndex, sha256, TYPES } from '../../helpers/small-image.ts';

/** A store whose repository `app` holds an image with one large layer. */
async function served(): Promise<ServedStore & { image: Descriptor; layer: Descriptor; bytes: Buffer }> {
  const made = await serveStore();
  const bytes = randomBytes(700_000);
  const layer = await putBytes(made.store, bytes, TYPES.gzip);
  const image = await putSmallImage(made.store, { manifest: { layers: [layer] } });
  await made.store.tag(image.descriptor, 'app:v1');
  return { ...made, image: image.descriptor, layer, bytes };
}

const faultsOf = async (response: Response) =>
  ((await response.json()) as { errors: { code: string; message: string; detail?: unknown }[] }).errors;

describe('manifests', () => {
  it('come by tag and by digest, with their digest, type and length, HEAD without the bytes', async () => {
    const { url, image, store } = await served();
    const index = await putSmallIndex(store, [{ os: 'linux', architecture: 'arm64' }]);
    await store.tag(index.descriptor, 'app:all');
    for (const { mediaType, digest, size } of [image, index.descriptor]) {
      for (const reference of [digest === image.digest ? 'v1' : 'all', digest, digest.replace(':', '%3A')]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await fetch(`${url}/v2/app/manifests/${reference}`, { method });
          expect(answer.status).toBe(200);
          expect(Object.fromEntries(answer.headers)).toMatchObject({
            'content-type': mediaType,
            'content-length': `${size}`,
            'docker-content-digest': digest,
            etag: `"${digest}"`,
          });
          const body = Buffer.from(await answer.arrayBuffer());
          expect(body.length === 0 ? 'none' : sha256(body)).toBe(method === 'HEAD' ? 'none' : digest);
        }
      }
    }
  });

  it('are not sent again to whoever has them', async () => {
    const { url, image } = await served();
    const ask = (value: string) =>
      fetch(`${url}/v2/app/manifests/v1`, { headers: { 'if-none-match': value } }).then(
        (answer) => answer.status,
      );
    expect(await ask(`"${image.digest}"`)).toBe(304);
    expect(await ask(`"x", W/"${image.digest}"`)).toBe(304);
    expect(await ask('"x"')).toBe(200);
  });

  it('come only in a type that is accepted', async () => {
    const { url, image } = await served();
    const ask = (accept: string) =>
      fetch(`${url}/v2/app/manifests/v1`, { headers: { accept } }).then((answer) => answer.status);
    expect(await ask(`application/json, ${image.mediaType};q=0.5`)).toBe(200);
    expect(await ask('application/*')).toBe(200);
    expect(await ask(TYPES.index)).toBe(404);
    expect(await ask(`${image.mediaType};q=0`)).toBe(404);
  });

  it('that are not there, or cannot be, are told in the documents of the specification', async () => {
    const { url, layer } = await served();
    const codes = async (path: string) => {
      const answer = await fetch(`${url}${path}`);
      return [answer.status, (await faultsOf(answer))[0]?.code];
    };
    const unknown = sha256('unknown');
    expect(await codes('/v2/app/manifests/v2')).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(await codes(`/v2/app/manifests/${unknown}`)).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(await codes(`/v2/app/manifests/${layer.digest}`)).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(await codes('/v2/app/manifests/sha256:1')).toEqual([400, 'DIGEST_INVALID']);
    expect(await codes('/v2/app/blobs/latest')).toEqual([400, 'DIGEST_INVALID']);
    expect(await codes(`/v2/app/blobs/${unknown}`)).toEqual([404, 'BLOB_UNKNOWN']);
    expect(await codes('/v2/other/tags/list')).toEqual([404, 'NAME_UNKNOWN']);
    expect(await codes('/v2/App/tags/list')).toEqual([400, 'NAME_INVALID']);
    expect(await codes('/v2/_catalog')).toEqual([404, 'UNSUPPORTED']);
    expect(await codes('/')).toEqual([404, 'UNSUPPORTED']);
  });
});

describe('blobs', () => {
  const part = async (url: string, blob: Descriptor, headers: Record<string, string>, method = 'GET') => {
    const answer = await fetch(`${url}/v2/app/blobs/${blob.digest}`, { headers, method });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };

  it('come whole, and HEAD tells of them', async () => {
    const { url, layer, bytes } = await served();
    const whole = await part(url, layer, {});
    expect(whole.status).toBe(200);
    expect(whole.body.equals(bytes)).toBe(true);
    const head = await part(url, layer, { range: 'bytes=0-1' }, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, `${bytes.length}`]);
    expect(head.headers.get('accept-ranges')).toBe('bytes');
    expect((await part(url, layer, { 'if-none-match': `"${layer.digest}"` })).status).toBe(304);
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-299', 100, 300],
    ['bytes=699999-', 699_999, 700_000],
    ['bytes=300000-900000', 300_000, 700_000],
    ['bytes=-5', 699_995, 700_000],
    ['bytes=-900000', 0, 700_000],
  ])('come in part: %s', async (range, from, to) => {
    const { url, layer, bytes } = await served();
    const answer = await part(url, layer, { range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/700000`);
    expect(answer.body.equals(bytes.subarray(from, to))).toBe(true);
  });

  it.each(['bytes=700000-', 'bytes=700000-800000', 'bytes=-0', 'bytes=5-2'])(
    'have no part %s',
    async (range) => {
      const { url, layer } = await served();
      const answer = await part(url, layer, { range });
      expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */700000']);
    },
  );

  it.each(['bytes=0-1,5-6', 'lines=0-1', 'bytes=', 'bytes=-', 'bytes=a-b'])(
    'come whole for %s',
    async (range) => {
      const { url, layer, bytes } = await served();
      const answer = await part(url, layer, { range });
      expect([answer.status, answer.body.length]).toEqual([200, bytes.length]);
    },
  );

  it('come in part only of the entity that If-Range names', async () => {
    const { url, layer } = await served();
    const range = 'bytes=0-1';
    expect((await part(url, layer, { range, 'if-range': `"${layer.digest}"` })).status).toBe(206);
    expect((await part(url, layer, { range, 'if-range': '"other"' })).status).toBe(200);
  });

  it('of no bytes are served', async () => {
    const { url, store } = await serveStore();
    const empty = await putBytes(store, '', TYPES.tar);
    await store.tag((await putSmallImage(store, { manifest: { layers: [empty] } })).descriptor, 'app:v1');
    const answer = await part(url, empty, {});
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
    expect((await part(url, empty, { range: 'bytes=-5' })).status).toBe(416);
  });
});

describe('what lies damaged in the store', () => {
  it('is no answer when its size is another', async () => {
    const { url, store, layer, log } = await served();
    await appendFile(store.blobFile(layer.digest), 'more');
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      const answer = await fetch(`${url}/v2/app/blobs/${layer.digest}`, { headers });
      expect(answer.status).toBe(500);
      expect(await faultsOf(answer)).toMatchObject([{ code: 'UNKNOWN', detail: { code: 'SIZE_MISMATCH' } }]);
    }
    expect(log.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  it('is never sent to its end when its bytes are others, and is gone afterwards', async () => {
    const { url, store, layer, bytes } = await served();
    const damaged = Buffer.from(bytes);
    damaged[350_000] = (damaged[350_000] ?? 0) ^ 1;
    await writeFile(store.blobFile(layer.digest), damaged);
    const answer = await fetch(`${url}/v2/app/blobs/${layer.digest}`);
    await expect(answer.arrayBuffer()).rejects.toThrow();
    await expect.poll(() => store.has(layer)).toBe(false);
    expect((await fetch(`${url}/v2/app/blobs/${layer.digest}`)).status).toBe(404);
  });

  it('is looked at once more when its file changed after a good download', async () => {
    const { url, store, layer, bytes } = await served();
    const path = `${url}/v2/app/blobs/${layer.digest}`;
    expect((await (await fetch(path)).arrayBuffer()).byteLength).toBe(bytes.length);
    const damaged = Buffer.from(bytes);
    damaged[1] = (damaged[1] ?? 0) ^ 1;
    await writeFile(store.blobFile(layer.digest), damaged);
    await expect((await fetch(path)).arrayBuffer()).rejects.toThrow();
  });

  it('is told without the paths of this machine', async () => {
    const { url, store, image, layer } = await served();
    // A manifest that was read is checked as a whole, and let go of when it is another.
    await writeFile(store.blobFile(image.digest), 'no manifest');
    await rm(store.blobFile(layer.digest));
    await mkdir(store.blobFile(layer.digest));
    for (const [path, code] of [
      ['manifests/v1', 'MANIFEST_UNKNOWN'],
      [`blobs/${layer.digest}`, 'BLOB_UNKNOWN'],
    ]) {
      const answer = await fetch(`${url}/v2/app/${path}`);
      const text = await answer.text();
      expect([answer.status, text.includes(store.home)]).toEqual([404, false]);
      expect(text).toContain(code);
    }
  });
});

describe('writes', () => {
  it.each([
    ['POST', '/v2/app/blobs/uploads/'],
    ['PUT', '/v2/app/manifests/v1'],
    ['PATCH', '/v2/app/blobs/uploads/1'],
    ['DELETE', '/v2/app/manifests/v1'],
  ])('are refused, whatever they bring: %s', async (method, path) => {
    const { url, image } = await served();
    for (const body of [undefined, 'x'.repeat(1000)]) {
      const answer = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : { body }) });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await faultsOf(answer)).toMatchObject([
        { code: 'UNSUPPORTED', message: expect.stringContaining('pull-only') },
      ]);
    }
    expect((await fetch(`${url}/v2/app/manifests/${image.digest}`)).status).toBe(200);
  });
});
