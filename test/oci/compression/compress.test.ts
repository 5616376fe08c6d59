import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compress } from '../../../src/oci/compression/compress.ts';
import { decompress } from '../../../src/oci/compression/decompress.ts';
import { gunzipStrict } from '../../../src/oci/compression/gzip-framing.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import type { Compression } from '../../../src/oci/media-types.ts';
import { describeWith } from '../../helpers/engines.ts';

const MIB = 1024 * 1024;

/** Bytes that compress like text does, the same in every run. */
function sample(length: number): Buffer {
  const pieces: Buffer[] = [];
  for (let have = 0, index = 0; have < length; index++) {
    const hash = createHash('sha256').update(`${index}`).digest('hex');
    const piece = Buffer.from(`${hash} ${hash.slice(0, 16)} ${'const'.repeat(index % 7)}\n`);
    pieces.push(piece);
    have += piece.length;
  }
  return Buffer.concat(pieces).subarray(0, length);
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const large = sample(5 * MIB + 12_345);
const ALL: readonly Compression[] = ['gzip', 'zstd', 'none'];

describe.each(ALL)('%s', (compression) => {
  test.each([0, 1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB, 4 * MIB])('%i bytes come back', async (length) => {
    const bytes = large.subarray(0, length);
    const compressed = await buffer(compress([bytes], { compression }));
    expect(digestOf(await buffer(decompress([compressed], compression)))).toBe(digestOf(bytes));
  });

  test('the bytes do not depend on chunks, nor on how many blocks are compressed at once', async () => {
    const expected = digestOf(await buffer(compress([large], { compression })));
    for (const parallel of [1, 2, 5]) {
      for (const sizes of [[65_536], [MIB, 1], [7777, 3 * MIB, 12]]) {
        const found = await buffer(compress(cut(large, sizes), { compression, parallel }));
        expect(digestOf(found)).toBe(expected);
      }
    }
  });

  test('however the compressed bytes are cut, the same comes out', async () => {
    const bytes = large.subarray(0, 2 * MIB + 99);
    const compressed = await buffer(compress([bytes], { compression }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1 }), async (sizes) => {
        fc.pre(sizes.reduce((sum, size) => sum + size, 0) / sizes.length > 200);
        const found = await buffer(decompress(cut(compressed, sizes), compression));
        expect(found.equals(bytes)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  test('the failure of the source comes out unchanged', async () => {
    async function* failing() {
      yield large;
      throw new Error('the source failed');
    }
    await expect(buffer(compress(failing(), { compression }))).rejects.toThrow('the source failed');
    await expect(buffer(decompress(failingAfter(compression), compression))).rejects.toThrow(
      'the source failed',
    );
  });

  test('an abort ends it', async () => {
    const stop = new AbortController();
    stop.abort();
    const run = compress([large], { compression, signal: stop.signal });
    await expect(buffer(run)).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('leaving early ends the source', async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield large;
      } finally {
        ended = true;
      }
    }
    let count = 0;
    for await (const _ of compress(endless(), { compression })) if (++count === 4) break;
    expect(ended).toBe(true);
  });
});

async function* failingAfter(compression: Compression): AsyncGenerator<Uint8Array> {
  const compressed = await buffer(compress([large], { compression }));
  yield compressed.subarray(0, compressed.length / 2);
  throw new Error('the source failed');
}

describe('gzip', () => {
  test('is one member without a time, whatever its length', async () => {
    const compressed = await buffer(compress([large], { compression: 'gzip' }));
    expect([...compressed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    const run = gunzipStrict([compressed]);
    expect((await buffer(run.output)).equals(large)).toBe(true);
    expect(run.framing().singleMember).toBe(true);
  });

  test('blocks look back into the one before', async () => {
    // The same 25,600 bytes of noise over and over: without the dictionary each block would have to spell them again.
    const noise = Buffer.concat(
      Array.from({ length: 800 }, (_, index) => createHash('sha256').update(`${index}`).digest()),
    );
    const bytes = Buffer.concat(Array.from({ length: 200 }, () => noise));
    const compressed = await buffer(compress([bytes], { compression: 'gzip', level: 6 }));
    expect(gunzipSync(compressed).equals(bytes)).toBe(true);
    expect(compressed.length).toBeLessThan(3 * noise.length);
  });

  test('levels differ', async () => {
    const sizes = [1, 6, 9].map(
      async (level) => (await buffer(compress([large], { compression: 'gzip', level }))).length,
    );
    const [fast = 0, middle = 0, small = 0] = await Promise.all(sizes);
    expect(fast).toBeGreaterThan(middle);
    expect(middle).toBeGreaterThanOrEqual(small);
  });
});

describe('decompressing what others wrote', () => {
  test('damage has its code', async () => {
    const broken = async (compression: Compression, change: (bytes: Buffer) => Buffer) => {
      const compressed = await buffer(compress([large], { compression }));
      await buffer(decompress([change(compressed)], compression));
    };
    const short = (bytes: Buffer) => bytes.subarray(0, -5);
    const empty = () => Buffer.alloc(0);
    const other = () => Buffer.from('neither gzip nor zstd');
    const behind = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('garbage')]);
    for (const change of [short, empty, other, behind]) {
      await expect(broken('gzip', change)).rejects.toMatchObject({ code: 'GZIP_INVALID' });
      await expect(broken('zstd', change)).rejects.toMatchObject({ code: 'ZSTD_INVALID' });
    }
  });

  test('zstd: skippable frames and frames of every size', async () => {
    const frames = await Promise.all(
      [0, 1, 255, 256, 65_791, 65_792, 300_000].map(async (length) => {
        const bytes = large.subarray(0, length);
        return { bytes, frame: await buffer(compress([bytes], { compression: 'zstd' })) };
      }),
    );
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const file = Buffer.concat([skippable, ...frames.flatMap(({ frame }) => [frame, skippable])]);
    for (const size of [1, 100, 4096, file.length]) {
      const found = await buffer(decompress(cut(file, [size]), 'zstd'));
      expect(found.equals(Buffer.concat(frames.map(({ bytes }) => bytes)))).toBe(true);
    }
  });
});

describeWith(['zstd', 'python3'], 'other decompressors', ({ zstd, python3 }) => {
  test('read our gzip', async () => {
    const input = await buffer(compress([large], { compression: 'gzip' }));
    const script =
      'import gzip,hashlib,sys;print(hashlib.sha256(gzip.decompress(sys.stdin.buffer.read())).hexdigest())';
    const { stdout } = await execa(python3, ['-c', script], { input });
    expect(`sha256:${stdout}`).toBe(digestOf(large));
  });

  test('read our zstd, and we theirs', async () => {
    const input = await buffer(compress([large], { compression: 'zstd' }));
    const ours = await execa(zstd, ['-d', '-c'], {
      input,
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: 64 * MIB,
    });
    expect(digestOf(ours.stdout)).toBe(digestOf(large));
    for (const options of [
      ['-1'],
      ['--check', '-5'],
      ['--no-check', '--single-thread'],
      ['-9', '--long=25'],
    ]) {
      const theirs = await execa(zstd, ['-c', ...options], {
        input: large,
        encoding: 'buffer',
        stripFinalNewline: false,
        maxBuffer: 64 * MIB,
      });
      expect(digestOf(await buffer(decompress(cut(theirs.stdout, [10_000]), 'zstd')))).toBe(digestOf(large));
    }
  });
});
