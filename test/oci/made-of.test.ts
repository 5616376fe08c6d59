import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { madeOf } from '../../src/oci/content.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function fileStream(): Promise<Readable> {
  const path = join(await temporaryFolder(), 'file');
  await writeFile(path, 'x'.repeat(300_000));
  return (await open(path)).createReadStream();
}

async function* upper(source: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(String(chunk).toUpperCase());
}

describe('what is made of a stream', () => {
  test('is what is made of it', async () => {
    const source = await fileStream();
    expect(await text(madeOf(source, upper(source)))).toBe('X'.repeat(300_000));
    expect(source.closed).toBe(true);
  });

  test.each(['before it is read', 'in the middle'])('lets go of it when it is let go of %s', async (when) => {
    const source = await fileStream();
    const made = madeOf(source, upper(source));
    if (when === 'in the middle') await made[Symbol.asyncIterator]().next();
    const closed = finished(source).catch(() => {});
    made.destroy();
    await closed;
    expect(source.closed).toBe(true);
  });

  test('lets go of it when it is let go of while it stands still', async () => {
    const source = new Readable({ read: () => {} });
    const made = madeOf(source, upper(source));
    const read = made[Symbol.asyncIterator]().next();
    await setImmediate();
    made.destroy();
    await read.catch(() => {});
    await finished(made).catch(() => {});
    expect(source.closed).toBe(true);
  });

  test('breaks when it breaks', async () => {
    const source = new Readable({ read: () => source.destroy(new Error('broke off')) });
    await expect(text(madeOf(source, upper(source)))).rejects.toThrow('broke off');
  });
});
