import { randomBytes } from 'node:crypto';
import { rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findImage } from '../../../src/oci/listing.ts';
import { type LocalStore, type LocalStoreOptions, openLocalStore } from '../../../src/oci/stores/local.ts';
import { stampFile } from '../../../src/oci/stores/local-index.ts';
import { putSmallImage, sha256 } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

async function openStore(home?: string, options?: LocalStoreOptions): Promise<LocalStore> {
  const store = await openLocalStore(home ?? join(await temporaryFolder(), 'home'), options);
  onTestFinished(() => store.close());
  return store;
}

describe('the local store', () => {
  it('is nobody else’s business', async () => {
    const store = await openStore();
    expect((await stat(store.home)).mode & 0o777).toBe(0o700);
  });

  it('remembers names, roots and verdicts', async () => {
    const store = await openStore(undefined, { now: () => 1_700_000_000_000 });
    const [named, kept] = [
      await putSmallImage(store),
      await putSmallImage(store, { config: { author: 'b' } }),
    ];
    await store.tag(named.descriptor, 'app:latest');
    await store.addRoot?.(kept.descriptor);
    await store.addRoot?.(named.descriptor);
    await store.verdicts.put('slug', 'sha256:abc v1', { uid: 1000, strict: true });

    const again = await openStore(store.home);
    expect(await again.resolve('app:latest')).toEqual(named.descriptor);
    expect(await again.names.list()).toEqual([
      { name: 'app:latest', descriptor: named.descriptor, updatedAt: new Date(1_700_000_000_000) },
    ]);
    expect(await again.roots.get(kept.descriptor.digest)).toEqual(kept.descriptor);
    expect(await again.list()).toHaveLength(2);
    expect(await again.verdicts.get('slug', 'sha256:abc v1')).toEqual({ uid: 1000, strict: true });
    expect(await again.verdicts.get('slug', 'sha256:abc v2')).toBeUndefined();
    expect(await again.verdicts.get('base', 'sha256:abc v1')).toBeUndefined();

    expect(await again.names.remove('app:latest')).toBe(true);
    expect(await again.names.remove('app:latest')).toBe(false);
    expect(await store.resolve('app:latest')).toBeUndefined();
    await expect(findImage(again, 'app:latest')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('knows where blobs were seen, latest first', async () => {
    let now = 1;
    const store = await openStore(undefined, { now: () => now++ });
    const digest = sha256('blob');
    const at = (repository: string) => ({ registry: 'r.example', repository });
    for (const repository of ['a', 'b', 'a']) await store.locations.seen(digest, at(repository));
    await store.locations.seen(digest, { registry: 'other.example', repository: 'c' });
    expect(await store.locations.of(digest, 'r.example')).toEqual([at('a'), at('b')]);
    await store.locations.forget(digest, at('a'));
    expect(await store.locations.of(digest, 'r.example')).toEqual([at('b')]);
    expect(await store.locations.of(sha256('another'), 'r.example')).toEqual([]);
  });

  it('refuses a name for what it does not hold', async () => {
    const store = await openStore();
    const other = await openStore();
    const { descriptor } = await putSmallImage(other);
    await expect(store.addRoot?.(descriptor)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });
});

describe('file digests', () => {
  async function settledFile(): Promise<string> {
    const path = join(await temporaryFolder(), 'slug.tgz');
    await writeFile(path, 'the slug');
    return path;
  }
  /** A clock that runs ahead, so that a file made just now is old. */
  const later = { now: () => Date.now() + 60_000 };

  it('recognise a file that was hashed before', async () => {
    const store = await openStore(undefined, later);
    const path = await settledFile();
    expect(await store.fileDigests.get(path)).toBeUndefined();
    const stamp = await stampFile(path);
    if (stamp === undefined) throw new Error('no file');
    await store.fileDigests.put(stamp, sha256('the slug'));
    expect(await store.fileDigests.get(path)).toBe(sha256('the slug'));
    expect(await store.fileDigests.get(`${path}.other`)).toBeUndefined();
  });

  it('forget a file that changed, however well it hides it', async () => {
    const store = await openStore(undefined, later);
    const path = await settledFile();
    const stamp = await stampFile(path);
    if (stamp === undefined) throw new Error('no file');
    await store.fileDigests.put(stamp, sha256('the slug'));
    const { atime, mtime } = await stat(path);
    await writeFile(path, 'the slag');
    await utimes(path, atime, mtime);
    expect(await store.fileDigests.get(path)).toBeUndefined();
    await writeFile(`${path}.new`, 'the slug');
    await rename(`${path}.new`, path);
    expect(await store.fileDigests.get(path)).toBeUndefined();
  });

  it('do not remember a file that changed while it was hashed, or only just before', async () => {
    const store = await openStore(undefined, later);
    const path = await settledFile();
    const stamp = await stampFile(path);
    if (stamp === undefined) throw new Error('no file');
    await writeFile(path, 'longer than before');
    await store.fileDigests.put(stamp, sha256('the slug'));
    expect(await store.fileDigests.get(path)).toBeUndefined();

    const now = await openStore();
    const young = await settledFile();
    const youngStamp = await stampFile(young);
    if (youngStamp === undefined) throw new Error('no file');
    await now.fileDigests.put(youngStamp, sha256('the slug'));
    expect(await now.fileDigests.get(young)).toBeUndefined();
  });
});

describe('the index of the local store', () => {
  it('is refused in one line when a newer version wrote it', async () => {
    const store = await openStore();
    const path = join(store.home, 'index.sqlite');
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(openLocalStore(store.home)).rejects.toMatchObject({
      code: 'STORE_TOO_NEW',
      message: `${path} was written by a newer version of this program (schema 99, known up to 1)`,
    });
  });

  it('is named when it is damaged', async () => {
    const home = await temporaryFolder();
    await writeFile(join(home, 'index.sqlite'), randomBytes(20_000));
    await expect(openLocalStore(home)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(join(home, 'index.sqlite')),
    });
  });

  it('waits for another that writes', async () => {
    const store = await openStore();
    const other = new DatabaseSync(join(store.home, 'index.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    const writing = store.verdicts.put('slug', 'key', 1);
    // Reading goes on meanwhile.
    expect(await store.verdicts.get('slug', 'key')).toBeUndefined();
    other.exec('COMMIT');
    await writing;
    expect(await store.verdicts.get('slug', 'key')).toBe(1);
    other.close();
  });
});
