import { chmod, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fingerprint,
  openFingerprintKey,
  versionOf,
} from '../../../src/heroku-import/config/fingerprints.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const newPath = async () => join(await temporaryFolder(), 'fingerprint.key');

test('the key is made once, of chance, for its owner only', async () => {
  const path = await newPath();
  const key = await openFingerprintKey(path);
  expect(key).toHaveLength(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await openFingerprintKey(path)).toEqual(key);
  expect(await openFingerprintKey(await newPath())).not.toEqual(key);
  expect(await readdir(join(path, '..'))).toEqual(['fingerprint.key']);
});

test('runs that start at once have the same key', async () => {
  const path = await newPath();
  const keys = await Promise.all(Array.from({ length: 20 }, () => openFingerprintKey(path)));
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  expect(await readdir(join(path, '..'))).toEqual(['fingerprint.key']);
});

test('another run that was there a moment earlier wins', async () => {
  const path = await newPath();
  const theirs = Buffer.alloc(32, 7);
  const key = await openFingerprintKey(path, async (size) => {
    await writeFile(path, theirs, { mode: 0o600 });
    return Buffer.alloc(size, 9);
  });
  expect(Buffer.from(key)).toEqual(theirs);
});

test.each([0o640, 0o604, 0o660, 0o666, 0o601])('a key with mode %o is refused, and stays', async (mode) => {
  const path = await newPath();
  await openFingerprintKey(path);
  await chmod(path, mode);
  const error: unknown = await openFingerprintKey(path).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'FINGERPRINT_KEY_EXPOSED' });
  expect(String(error)).toContain(`mode 0${mode.toString(8)}`);
  expect(await readFile(path)).toHaveLength(32);
});

test.each([
  ['empty', Buffer.alloc(0)],
  ['cut short', Buffer.alloc(31, 1)],
  ['longer', Buffer.alloc(33, 1)],
  // What a file system leaves of a file that was never written out.
  ['all zero', Buffer.alloc(32)],
])('a key that is %s is refused, and stays', async (_, bytes) => {
  const path = await newPath();
  await writeFile(path, bytes, { mode: 0o600 });
  await expect(openFingerprintKey(path)).rejects.toMatchObject({ code: 'FINGERPRINT_KEY_DAMAGED' });
  expect(await readFile(path)).toEqual(bytes);
});

test('a link is no key: it may lead to a file of somebody else', async () => {
  const path = await newPath();
  const elsewhere = await newPath();
  await openFingerprintKey(elsewhere);
  await symlink(elsewhere, path);
  await expect(openFingerprintKey(path)).rejects.toMatchObject({ code: 'FINGERPRINT_KEY_DAMAGED' });
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
});

test('neither is a folder', async () => {
  await expect(openFingerprintKey(await temporaryFolder())).rejects.toMatchObject({
    code: 'FINGERPRINT_KEY_DAMAGED',
  });
});

test('a fingerprint depends on key, app, name and value, and on nothing else', async () => {
  const key = await openFingerprintKey(await newPath(), (size) => Buffer.alloc(size, 1));
  const other = await openFingerprintKey(await newPath(), (size) => Buffer.alloc(size, 2));
  const one = fingerprint(key, 'app', 'NAME', 'value');
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(versionOf(one)).toBe(one.slice(0, 16));
  expect(fingerprint(key, 'app', 'NAME', 'value')).toBe(one);
  const others = [
    fingerprint(other, 'app', 'NAME', 'value'),
    fingerprint(key, 'apx', 'NAME', 'value'),
    fingerprint(key, 'app', 'NAMES', 'value'),
    fingerprint(key, 'app', 'NAME', 'values'),
    fingerprint(key, 'appNAME', '', 'value'),
    fingerprint(key, 'app', 'NAMEvalue', ''),
    // Two different halves of surrogate pairs are the same bytes in UTF-8.
    fingerprint(key, 'app', 'NAME', '\ud800'),
    fingerprint(key, 'app', 'NAME', '\ud801'),
    fingerprint(key, 'app', 'NAME', '\ufffd'),
  ];
  expect(new Set([one, ...others]).size).toBe(10);
});

test('two different secrets have two fingerprints, however they are cut into names and values', async () => {
  const key = await openFingerprintKey(await newPath());
  const triple = fc.tuple(fc.string(), fc.string(), fc.string());
  fc.assert(
    fc.property(triple, triple, (one, two) => {
      expect(fingerprint(key, ...one) === fingerprint(key, ...two)).toBe(one.join('\0') === two.join('\0'));
    }),
    { numRuns: 1000, seed: 3 },
  );
});
