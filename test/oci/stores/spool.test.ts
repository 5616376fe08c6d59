import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { type Spool, spool } from '../../../src/oci/stores/spool.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { runModule } from '../../helpers/child.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

async function keptAside(source: Readable): Promise<{ kept: Spool; files: () => readonly string[] }> {
  const folder = await temporaryFolder();
  const kept = await spool(source, createTempFiles(folder));
  onTestFinished(() => kept.dispose());
  return { kept, files: () => readdirSync(folder) };
}

it('keeps a stream aside until it is disposed of', async () => {
  const bytes = randomBytes(3_000_000);
  const parts = [bytes.subarray(0, 1000), bytes.subarray(1000)];
  const { kept, files } = await keptAside(Readable.from(parts, { objectMode: false }));
  for (const _ of [1, 2]) expect(Buffer.compare(await buffer(kept.open()), bytes)).toBe(0);
  await kept.whole();
  expect(Buffer.compare(await readFile(kept.path), bytes)).toBe(0);
  await kept.dispose();
  await kept.dispose();
  expect(files()).toEqual([]);
});

it('is read while it grows, and also when nothing comes', async () => {
  const source = new PassThrough();
  const { kept } = await keptAside(source);
  const reading = kept.open()[Symbol.asyncIterator]();
  source.write('early');
  expect(String((await reading.next()).value)).toBe('early');
  source.end('late');
  expect(String((await reading.next()).value)).toBe('late');
  expect((await reading.next()).done).toBe(true);
  const empty = await keptAside(Readable.from([]));
  expect(await buffer(empty.kept.open())).toHaveLength(0);
});

it('fails for its readers as its source did, and keeps nothing', async () => {
  const broken = Readable.from(
    (async function* () {
      yield Buffer.alloc(1000);
      throw new Error('broken');
    })(),
    { objectMode: false },
  );
  const { kept, files } = await keptAside(broken);
  await expect(buffer(kept.open())).rejects.toThrow('broken');
  await expect(kept.whole()).rejects.toThrow('broken');
  await kept.dispose();
  expect(files()).toEqual([]);
});

it('ends the wait of its readers when it is disposed of', async () => {
  const source = new PassThrough();
  const { kept, files } = await keptAside(source);
  source.write('and then nothing');
  const reading = expect(buffer(kept.open())).rejects.toThrow();
  await kept.dispose();
  await reading;
  expect(files()).toEqual([]);
});

it('is swept when its process was killed, and not while it lives', async () => {
  const home = join(await temporaryFolder(), 'home');
  await mkdir(join(home, 'tmp'), { recursive: true });
  const putInto = async (author: string) => {
    const store = await openLocalStore(home);
    onTestFinished(() => store.close());
    await putSmallImage(store, { config: { author } });
  };
  const child = runModule(fileURLToPath(new URL('./spool-and-wait.ts', import.meta.url)), [home]);
  for await (const line of child.lines()) {
    expect(await readFile(line, 'utf8')).toBe('kept aside');
    await putInto('one');
    expect(await readFile(line, 'utf8')).toBe('kept aside');
    child.process.kill('SIGKILL');
  }
  await child.ended;
  expect(readdirSync(join(home, 'tmp'))).toHaveLength(2);
  await putInto('another');
  expect(readdirSync(join(home, 'tmp'))).toEqual([]);
});
