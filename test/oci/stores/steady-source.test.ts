import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { steadySource } from '../../../src/oci/stores/steady-source.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import type { OpenOptions } from '../../../src/oci/target.ts';
import { randomBlob } from '../../contract/target.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const unverified = { verify: false } as const;

/** A source that holds one blob and tells which parts of it were asked for. */
async function source(size = 2_000_000) {
  const { descriptor, bytes } = randomBlob(size);
  const memory = createMemoryTarget();
  await memory.put(bytesContent(bytes), descriptor);
  const opened: (number | 'verified')[] = [];
  let failure: Error | undefined;
  const open = async (_: unknown, { verify, offset = 0 }: OpenOptions = {}) => {
    opened.push(verify === false ? offset : 'verified');
    const chunks = [bytes.subarray(offset, offset + 500_000), bytes.subarray(offset + 500_000)];
    const failing = failure;
    return Readable.from(
      (function* () {
        yield chunks[0];
        if (failing !== undefined) throw failing;
        yield chunks[1];
      })(),
      { objectMode: false, highWaterMark: 1 },
    );
  };
  const folder = await temporaryFolder();
  const steady = steadySource({ ...memory, open }, createTempFiles(folder));
  const breakOff = async (options: OpenOptions = unverified) => {
    const stream = await steady.target.open(descriptor, options);
    for await (const _ of stream) break;
  };
  return {
    ...steady,
    descriptor,
    bytes,
    opened,
    breakOff,
    fail: (error: Error | undefined) => {
      failure = error;
    },
    files: async () => (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
  };
}

describe('a source for receivers without patience', () => {
  it('passes on what goes well, also to several at once', async () => {
    const { target, descriptor, bytes, opened, files } = await source();
    const streams = await Promise.all([1, 2].map(() => target.open(descriptor, unverified)));
    for (const stream of streams) expect(Buffer.compare(await buffer(stream), bytes)).toBe(0);
    expect(opened).toEqual([0, 0]);
    expect(await files()).toEqual([]);
  });

  it('fetches what was broken off once, and gives it from there', async () => {
    const { target, descriptor, bytes, opened, breakOff, files, dispose } = await source();
    await breakOff();
    for (const offset of [0, 700_000]) {
      const got = await buffer(await target.open(descriptor, { ...unverified, offset }));
      expect(Buffer.compare(got, bytes.subarray(offset))).toBe(0);
    }
    expect(opened).toEqual([0, 0]);
    expect(await files()).toHaveLength(1);
    await dispose();
    expect(await files()).toEqual([]);
  });

  it('fetches it once for several who broke it off', async () => {
    const { target, descriptor, bytes, opened, breakOff, files, dispose } = await source();
    await breakOff();
    const streams = await Promise.all([1, 2, 3].map(() => target.open(descriptor, unverified)));
    for (const stream of streams) expect(Buffer.compare(await buffer(stream), bytes)).toBe(0);
    expect(opened).toEqual([0, 0]);
    expect(await files()).toHaveLength(1);
    await dispose();
    expect(await files()).toEqual([]);
  });

  it('fetches only what is wanted, and more when more is', async () => {
    const { target, descriptor, bytes, opened, breakOff, files } = await source();
    await breakOff();
    for (const offset of [900_000, 100_000]) {
      const got = await buffer(await target.open(descriptor, { ...unverified, offset }));
      expect(Buffer.compare(got, bytes.subarray(offset))).toBe(0);
    }
    expect(opened).toEqual([0, 900_000, 100_000]);
    expect(await files()).toHaveLength(1);
  });

  it('fails as the source does, and keeps nothing of that', async () => {
    const { target, descriptor, bytes, breakOff, fail, files } = await source();
    await breakOff();
    fail(new Error('gone'));
    await expect(target.open(descriptor, unverified)).rejects.toThrow('gone');
    expect(await files()).toEqual([]);
    fail(undefined);
    expect(Buffer.compare(await buffer(await target.open(descriptor, unverified)), bytes)).toBe(0);
  });

  it('leaves small blobs and readers that want verified bytes to the source', async () => {
    const small = await source(900_000);
    await small.breakOff();
    await buffer(await small.target.open(small.descriptor, unverified));
    expect(await small.files()).toEqual([]);
    const large = await source();
    await large.breakOff();
    await buffer(await large.target.open(large.descriptor));
    expect(large.opened).toEqual([0, 'verified']);
    expect(await large.files()).toEqual([]);
  });
});
