import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { bytesContent, type Content } from '../../../src/oci/content.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-types.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { receivedBytes } from '../../../src/registry/upload/session.ts';
import { blobOf } from '../../contract/target.ts';
import { serve } from '../../helpers/http-server.ts';
import { type QuirkRegistry, quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../../helpers/quirk-registry/quirks.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

const MiB = 1024 * 1024;
const SIZE = 20 * MiB + 77;
const { descriptor, bytes } = blobOf(randomBytes(SIZE), MEDIA_TYPES.ociLayerGzip);

/** Says where it was opened, in chunks as a file gives them. */
function watched({ openAt: own, ...more }: Partial<Content> & { readonly onlyWhole?: true } = {}) {
  const opened: number[] = [];
  const openAt = async (offset: number) => {
    opened.push(offset);
    const chunks = [];
    for (let at = offset; at < SIZE; at += MiB) chunks.push(bytes.subarray(at, Math.min(at + MiB, SIZE)));
    return Readable.from(chunks, { objectMode: false });
  };
  const { onlyWhole, ...rest } = more;
  const content: Content = {
    open: () => openAt(0),
    ...(onlyWhole === undefined && { openAt: own ?? openAt }),
    reopenable: true,
    ...rest,
  };
  return { content, opened };
}

async function pushed(quirks: Quirks, content = watched().content) {
  const registry = await quirkRegistry({ quirks });
  const client = realClient();
  const result = await targetAt(registry, 'team/app', client).put(content, descriptor);
  expect(result).toEqual({ descriptor, outcome: 'sent' });
  expect(registry.repository('team/app').blobs.get(descriptor.digest)?.equals(bytes)).toBe(true);
  expect(registry.sessions.size).toBe(0);
  return { registry, client };
}

const sent = (registry: QuirkRegistry) =>
  registry.requests
    .filter(({ method }) => method === 'PUT' || method === 'PATCH')
    .map(({ method, headers, status }) => `${method} ${headers['content-range'] ?? ''} ${status ?? 'cut'}`);

describe('content', () => {
  it('is let go of when there is nothing of it to read', async () => {
    const empty = blobOf(Buffer.alloc(0), MEDIA_TYPES.ociLayer);
    const source = new Readable({ read: () => source.push(null) });
    const registry = await quirkRegistry();
    await targetAt(registry, 'team/app').put(
      { open: async () => source, reopenable: true },
      empty.descriptor,
    );
    expect(source.destroyed).toBe(true);
  });
});

describe('an upload that is cut', () => {
  it('goes on where the registry has it, from an offset of the content', async () => {
    const { content, opened } = watched();
    const at = 18 * MiB;
    const { registry } = await pushed({ cutUpload: { at, keep: true } }, content);
    expect(sent(registry)).toEqual(['PUT  cut', `PATCH ${at}-${SIZE - 1} 202`, 'PUT  201']);
    // The hash is kept every 8 MiB: no more than that is read twice.
    expect(opened).toEqual([0, 16 * MiB]);
    // What was under way when it was cut, and what was missing.
    expect(registry.receivedBytes()).toBeLessThan(SIZE + MiB);
  });

  it('goes on with content that can only be opened from its beginning', async () => {
    const { content, opened } = watched({ onlyWhole: true });
    const { registry } = await pushed({ cutUpload: { at: 18 * MiB, keep: true } }, content);
    expect(opened).toEqual([0, 0]);
    expect(registry.receivedBytes()).toBeLessThan(SIZE + MiB);
  });

  it('goes on as often as it gets further, more often than anything is tried', async () => {
    const { registry, client } = await pushed({ cutUpload: { at: 2 * MiB, keep: true, times: 9 } });
    expect(sent(registry).filter((line) => line.endsWith('cut'))).toHaveLength(9);
    expect(registry.receivedBytes()).toBeLessThan(SIZE + 10 * MiB);
    expect(client.slept).toHaveLength(9);
  });

  it('starts over where the registry kept nothing, with the old session given up', async () => {
    const { registry } = await pushed({ cutUpload: { at: 18 * MiB } });
    expect(sent(registry)).toEqual(['PUT  cut', 'PUT  201']);
    expect(registry.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });

  it('is sent in chunks when one request breaks again and again, and nothing of it is kept', async () => {
    const { registry } = await pushed({ cutUpload: { at: 18 * MiB, times: 2 } });
    expect(sent(registry)).toEqual([
      'PUT  cut',
      'PUT  cut',
      `PATCH 0-${16 * MiB - 1} 202`,
      `PATCH ${16 * MiB}-${SIZE - 1} 202`,
      'PUT  201',
    ]);
  });

  it('does not believe the content when it is opened again and is another', async () => {
    const registry = await quirkRegistry({ quirks: { cutUpload: { at: 18 * MiB, keep: true } } });
    const { content } = watched({
      openAt: async () => Readable.from([randomBytes(SIZE - 16 * MiB)], { objectMode: false }),
    });
    await expect(targetAt(registry).put(content, descriptor)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(registry.repository('team/app').blobs.size).toBe(0);
    expect(registry.sessions.size).toBe(0);
  });

  it('is there when only the answer got lost, and is not sent again', async () => {
    // The registry cuts when all is in: nothing tells that from an upload that was lost.
    const registry = await quirkRegistry({ quirks: { cutUpload: { at: SIZE, keep: true } } });
    const { content, opened } = watched();
    const result = await targetAt(registry).put(content, descriptor);
    expect(result.outcome).toBe('sent');
    expect(opened).toEqual([0]);
    expect(sent(registry)).toEqual(['PUT  cut', 'PUT  201']);
  });
});

describe('chunks', () => {
  it('are made smaller where large ones are refused (GHCR), and the host is remembered', async () => {
    const registry = await quirkRegistry({ quirks: { p06: true, cutUpload: { at: 2 * MiB, keep: true } } });
    const client = realClient();
    await targetAt(registry, 'team/app', client).put(watched().content, descriptor);
    const ranges = sent(registry).filter((line) => line.startsWith('PATCH'));
    expect(ranges.filter((line) => line.endsWith('416'))).toHaveLength(1);
    expect(ranges.at(1)).toBe(`PATCH ${2 * MiB}-${6 * MiB - 1} 202`);
    registry.become({ p06: true, cutUpload: { at: 2 * MiB, keep: true } });
    registry.forget();
    await targetAt(registry, 'team/other', client).put(watched().content, { ...descriptor });
    expect(sent(registry).some((line) => line.endsWith('416'))).toBe(false);
  });

  it('bear no range where ranged ones are never taken', async () => {
    const { registry } = await pushed({ p06: 1000, cutUpload: { at: 2 * MiB, keep: true } });
    expect(sent(registry).at(-2)).toBe('PATCH  202');
  });

  it('are at least as large as the registry says', async () => {
    const minimum = 18 * MiB;
    const { registry } = await pushed({
      chunkMinLength: minimum,
      cutUpload: { at: 19 * MiB, times: 2 },
    });
    expect(sent(registry)).toContain(`PATCH 0-${minimum - 1} 202`);
    expect(sent(registry).at(-1)).toBe(`PUT ${minimum}-${SIZE - 1} 201`);
    expect(sent(registry).some((line) => line.endsWith('416'))).toBe(false);
  });

  it.each(['discards', 'stale-range'] as const)(
    'are given up for one request where they are taken and dropped (ECR, %s)',
    async (p04) => {
      const { registry } = await pushed({ p04, cutUpload: { at: 18 * MiB, times: 2 } });
      expect(sent(registry).at(-1)).toBe('PUT  201');
      expect(sent(registry).filter((line) => line.startsWith('PATCH')).length).toBeLessThan(6);
    },
  );

  it('name first and last byte, and nothing else (ACR)', async () => {
    const { registry } = await pushed({ p07: true, cutUpload: { at: 18 * MiB, keep: true } });
    expect(sent(registry).some((line) => line.endsWith('400'))).toBe(false);
  });

  it('go to the last Location, its query kept to the letter', async () => {
    const { registry } = await pushed({ p08: true, cutUpload: { at: 18 * MiB, times: 2 } });
    expect(registry.requests.filter(({ status }) => status === 400)).toEqual([]);
  });
});

it('a token that ends in the middle of a layer is renewed, and the layer sent again', async () => {
  const registry = await quirkRegistry({
    quirks: { p21: { atByte: 10 * MiB } },
    auth: { kind: 'token', users: { me: 'hunter2' } },
  });
  const client = realClient({
    credential: { kind: 'password', username: 'me', password: 'hunter2', source: 'the test' },
  });
  const result = await targetAt(registry, 'team/app', client).put(watched().content, descriptor);
  expect(result.outcome).toBe('sent');
});

it('a small blob is not asked for: it starts over', async () => {
  const small = blobOf(randomBytes(5000));
  const registry = await quirkRegistry({ quirks: { cutUpload: { at: 10, keep: true } } });
  await targetAt(registry).put(bytesContent(small.bytes), small.descriptor);
  expect(registry.requests.filter(({ method }) => method === 'GET').map(({ place }) => place)).toEqual([
    'ping',
  ]);
});

describe('a blob that is too large for one request', () => {
  /** nginx before a registry: a body above `limit` bytes is refused, with a web page. */
  async function behindProxy(limit: number) {
    const parts: Buffer[] = [];
    const lines: string[] = [];
    const server = await serve(async (request, response) => {
      const { method, url = '', headers } = request;
      if (url === '/v2/') return response.end();
      if (method === 'HEAD') return response.writeHead(404).end();
      const length = Number(headers['content-length'] ?? 0);
      const answer = (status: number) => {
        lines.push(`${method} ${headers['content-range'] ?? ''} ${status}`);
        response
          .writeHead(status, { location: '/upload/1', range: `0-${Math.max(0, sizeOf(parts) - 1)}` })
          .end();
      };
      if (length > limit) {
        response.setHeader('connection', 'close');
        return answer(413);
      }
      if (method === 'PATCH') parts.push(await buffer(request));
      if (method === 'POST') parts.splice(0);
      return answer(method === 'PUT' ? 201 : method === 'GET' || method === 'DELETE' ? 204 : 202);
    });
    return { server, lines, bytes: () => Buffer.concat(parts) };
  }

  it('goes in chunks as small as the proxy wants, and the next one at once', async () => {
    const { server, lines, bytes: arrived } = await behindProxy(MiB);
    const client = realClient();
    const target = createRegistryTarget({
      client,
      reference: { registry: server.host, repository: 'team/app' },
    });
    expect((await target.put(watched().content, descriptor)).outcome).toBe('sent');
    expect(arrived().equals(bytes)).toBe(true);
    expect(lines.slice(0, 3)).toEqual(['POST  202', 'PUT  413', 'DELETE  204']);
    lines.splice(0);
    const other = createRegistryTarget({
      client,
      reference: { registry: server.host, repository: 'team/two' },
    });
    await other.put(watched().content, descriptor);
    expect(lines.filter((line) => line.endsWith('413'))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('PATCH'))[0]).toBe(`PATCH 0-${MiB - 1} 202`);
  });

  it('is refused where no chunk is small enough', async () => {
    const { server } = await behindProxy(1000);
    const target = createRegistryTarget({
      client: realClient(),
      reference: { registry: server.host, repository: 'team/app' },
    });
    await expect(target.put(watched().content, descriptor)).rejects.toMatchObject({ code: 'REGISTRY_FULL' });
  });
});

const sizeOf = (parts: readonly Buffer[]) => parts.reduce((sum, part) => sum + part.length, 0);

it.each([
  ['0-99', undefined, 100],
  ['bytes=0-99', undefined, 100],
  // Distribution says it of none and of one; one it is only where one was sent.
  ['0-0', undefined, 0],
  ['0-0', 1, 1],
  ['0-0', 500, 0],
  ['5-99', undefined, undefined],
  ['nonsense', undefined, undefined],
  [undefined, undefined, undefined],
])('a Range of %s tells of so many bytes (%s sent): %s', (range, expected, received) => {
  const response = { headers: range === undefined ? {} : { range: [range] } };
  expect(receivedBytes(response, expected)).toBe(received);
});
