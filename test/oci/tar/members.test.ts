import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { readTar } from '../../../src/oci/tar/members.ts';
import { archive, directory, file, symlink } from './raw-tar.ts';

const sample = archive(
  directory('d'),
  file('d/a', 'a'.repeat(2000)),
  file('d/b', 'bb'),
  symlink('l', 'x'),
  file('c', ''),
);

async function* pieces(bytes: Buffer, size: number, closed?: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  } finally {
    closed?.();
  }
}

test.each([1, 7, 512, 600, 1 << 20])('members and their content, in pieces of %i bytes', async (size) => {
  const seen: [string, string][] = [];
  for await (const { entry, content } of readTar(pieces(sample, size)))
    seen.push([entry.path, await text(content)]);
  expect(seen).toEqual([
    ['d', ''],
    ['d/a', 'a'.repeat(2000)],
    ['d/b', 'bb'],
    ['l', ''],
    ['c', ''],
  ]);
});

test('content that is not read, or not to its end, is skipped', async () => {
  const seen: string[] = [];
  for await (const { entry, content } of readTar(Readable.from(pieces(sample, 600)))) {
    seen.push(entry.path);
    if (entry.path === 'd/a') for await (const _ of content) break;
    if (entry.path === 'd/b') expect(await text(content)).toBe('bb');
  }
  expect(seen).toEqual(['d', 'd/a', 'd/b', 'l', 'c']);
});

test('leaving early ends the source', async () => {
  let closed = false;
  for await (const { entry } of readTar(pieces(sample, 100, () => (closed = true)))) {
    if (entry.path === 'd/a') break;
  }
  expect(closed).toBe(true);
});

test('refusals and failures of the source come out of the loop, and the source is ended', async () => {
  const all = async (source: AsyncIterable<Uint8Array>) => {
    for await (const _ of readTar(source));
  };
  let closed = false;
  await expect(all(pieces(archive(file('../x')), 512, () => (closed = true)))).rejects.toMatchObject({
    code: 'TAR_PATH_UNSAFE',
  });
  expect(closed).toBe(true);
  await expect(all(pieces(sample.subarray(0, 900), 512))).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
  async function* failing() {
    yield sample.subarray(0, 700);
    throw new Error('the source failed');
  }
  await expect(all(failing())).rejects.toThrow('the source failed');
});

test('content is read once', async () => {
  for await (const { content } of readTar(pieces(sample, 100))) {
    await text(content);
    await expect(text(content)).rejects.toMatchObject({ code: 'INTERNAL' });
  }
});

test('the rules for image layers can be chosen', async () => {
  const seen: string[] = [];
  const layer = archive(file('etc/.wh.passwd'), file('etc/passwd', 'root'), file('etc/passwd', 'other'));
  for await (const { entry } of readTar(pieces(layer, 99), { rules: 'image-layer' })) seen.push(entry.path);
  expect(seen).toEqual(['etc/.wh.passwd', 'etc/passwd', 'etc/passwd']);
});
