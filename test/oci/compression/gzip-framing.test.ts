import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gunzipStrict, inflateRawWithNode } from '../../../src/oci/compression/gzip-framing.ts';

const content = Buffer.concat([Buffer.from('a slug'.repeat(5000)), randomBytes(5000)]);
const whole = gzipSync(content);

/** A gzip member with a header of our choice. */
function member(header: readonly number[], rest: Buffer = Buffer.alloc(0), data = content): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length, 4);
  return Buffer.concat([Buffer.from(header), rest, deflateRawSync(data), trailer]);
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function gunzip(bytes: Uint8Array, size = bytes.length || 1) {
  const run = gunzipStrict(cut(bytes, size));
  const output = await buffer(run.output);
  return { output, framing: run.framing() };
}

describe('framing', () => {
  test('one member that ends at the end', async () => {
    const { output, framing } = await gunzip(whole);
    expect(output).toEqual(content);
    expect(framing).toEqual({
      members: 1,
      singleMember: true,
      compressedBytes: whole.length,
      bytes: content.length,
    });
  });

  test('several members are read on, and told', async () => {
    const several = Buffer.concat([whole, gzipSync(Buffer.alloc(0)), gzipSync('tail')]);
    for (const size of [1, 13, whole.length, whole.length - 4, whole.length + 3, several.length]) {
      const { output, framing } = await gunzip(several, size);
      expect(output).toEqual(Buffer.concat([content, Buffer.from('tail')]));
      expect(framing).toMatchObject({ members: 3, singleMember: false, compressedBytes: several.length });
    }
  });

  test('an empty member', async () => {
    expect((await gunzip(gzipSync(''))).framing).toMatchObject({ members: 1, singleMember: true, bytes: 0 });
  });

  test('is not known before the end', async () => {
    const run = gunzipStrict([whole]);
    expect(() => run.framing()).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    for await (const _ of run.output) break;
    expect(() => run.framing()).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  test('however the bytes are cut, the same comes out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: whole.length + 10 }), async (size) => {
        expect((await gunzip(whole, size)).output.equals(content)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

describe('headers', () => {
  const FHCRC = 0x02;
  const FEXTRA = 0x04;
  const FNAME = 0x08;
  const FCOMMENT = 0x10;
  const start = (flags: number) => [0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 2, 3];
  const fields = Buffer.concat([
    Buffer.from([5, 0]),
    Buffer.from('extra'),
    Buffer.from('slug.tar\0a comment\0'),
  ]);
  const flags = FEXTRA | FNAME | FCOMMENT | FHCRC;
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc32(Buffer.concat([Buffer.from(start(flags)), fields])) & 0xffff);

  test.each([1, 3, 1 << 20])('every optional field, in pieces of %i bytes', async (size) => {
    const bytes = member(start(flags), Buffer.concat([fields, sum]));
    expect((await gunzip(bytes, size)).output).toEqual(content);
  });

  test.each<[string, Buffer]>([
    [
      'a wrong header checksum',
      member(start(flags), Buffer.concat([fields, Buffer.from([sum[0] ?? 0, ~(sum[1] ?? 0)])])),
    ],
    ['reserved flags', member(start(0x20))],
    ['another reserved flag', member(start(0x80))],
    ['an unknown method', member([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3])],
    ['another magic', member([0x1f, 0x9d, 8, 0, 0, 0, 0, 0, 0, 3])],
    ['a header cut short', Buffer.from([0x1f, 0x8b, 8])],
    ['an extra field cut short', Buffer.from([...start(FEXTRA), 200, 0, 1, 2])],
    ['a name without end', Buffer.from([...start(FNAME), 65, 66])],
    ['a name that does not end', member(start(FNAME), Buffer.alloc(100_000, 65))],
    ['a header checksum cut short', Buffer.from([...start(FHCRC), 1])],
    ['nothing', Buffer.alloc(0)],
  ])('%s is refused', async (_, bytes) => {
    await expect(gunzip(bytes)).rejects.toMatchObject({ code: 'GZIP_INVALID' });
    await expect(gunzip(bytes, 1000)).rejects.toMatchObject({ code: 'GZIP_INVALID' });
  });
});

describe('what inflaters differ in', () => {
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    return bytes;
  };
  const rows: readonly [string, Buffer, string][] = [
    ['a zero behind the member', Buffer.concat([whole, Buffer.alloc(1)]), 'GZIP_TRAILING_DATA'],
    ['zeros behind the member', Buffer.concat([whole, Buffer.alloc(4096)]), 'GZIP_TRAILING_DATA'],
    ['garbage behind the member', Buffer.concat([whole, Buffer.from('garbage')]), 'GZIP_TRAILING_DATA'],
    ['half a magic behind the member', Buffer.concat([whole, Buffer.from([0x1f])]), 'GZIP_TRAILING_DATA'],
    ['garbage behind two members', Buffer.concat([whole, whole, Buffer.from('x')]), 'GZIP_TRAILING_DATA'],
    ['a second member cut short', Buffer.concat([whole, whole.subarray(0, 20)]), 'GZIP_INVALID'],
    ['a wrong checksum', changed(whole.length - 8), 'GZIP_INVALID'],
    ['a wrong length', changed(whole.length - 1), 'GZIP_INVALID'],
    ['damaged data', changed(12), 'GZIP_INVALID'],
    ['no trailer', whole.subarray(0, -8), 'GZIP_INVALID'],
    ['half a trailer', whole.subarray(0, -3), 'GZIP_INVALID'],
    ['half the data', whole.subarray(0, whole.length / 2), 'GZIP_INVALID'],
  ];

  test.each(rows)('%s is refused', async (_, bytes, code) => {
    for (const size of [1, 1000, whole.length, bytes.length]) {
      await expect(gunzip(bytes, size)).rejects.toMatchObject({ code });
    }
  });
});

describe('limits', () => {
  const bomb = gzipSync(Buffer.alloc(4 * 1024 * 1024));

  test('the ratio', async () => {
    const run = (options: object) => buffer(gunzipStrict([bomb], options).output);
    await expect(run({ ratioFromBytes: 1024 * 1024 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await run({ ratioFromBytes: 1024 * 1024, maxRatio: 1100 })).toHaveLength(4 * 1024 * 1024);
    expect(await run({})).toHaveLength(4 * 1024 * 1024);
  });

  test('the members', async () => {
    const many = Buffer.concat(Array.from({ length: 20 }, () => gzipSync('')));
    const run = (maxMembers: number) => buffer(gunzipStrict([many], { maxMembers }).output);
    await expect(run(19)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await run(20)).toHaveLength(0);
  });
});

describe('the source', () => {
  test('its failure comes out unchanged', async () => {
    async function* failing() {
      yield whole.subarray(0, 100);
      throw new Error('the source failed');
    }
    await expect(buffer(gunzipStrict(failing()).output)).rejects.toThrow('the source failed');
  });

  test('is let go when the consumer leaves, even while it waits for more', async () => {
    const waiting = new Readable({ read: () => undefined });
    waiting.push(gzipSync(randomBytes(600_000)));
    for await (const _ of gunzipStrict(waiting).output) break;
    expect(waiting.destroyed).toBe(true);
  });

  test('is let go when the data is bad', async () => {
    const source = Readable.from([Buffer.from('no gzip at all'), Buffer.alloc(10)]);
    await expect(buffer(gunzipStrict(source).output)).rejects.toMatchObject({ code: 'GZIP_INVALID' });
    expect(source.destroyed).toBe(true);
  });

  test('an abort ends it', async () => {
    const stop = new AbortController();
    stop.abort();
    const run = gunzipStrict([whole], { signal: stop.signal });
    await expect(buffer(run.output)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

test('another inflater can be handed in', async () => {
  let used = 0;
  const run = gunzipStrict([whole, whole], {
    inflate: (input) => {
      used++;
      return inflateRawWithNode(input);
    },
  });
  expect(await buffer(run.output)).toEqual(Buffer.concat([content, content]));
  expect(used).toBe(2);
});
