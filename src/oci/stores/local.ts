import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isDigest } from '../digest.ts';
import type { ListedImage, ListingTarget } from '../listing.ts';
import type { PutOptions } from '../target.ts';
import { createBlobFiles, makeFolder } from './blob-files.ts';
import { databaseOnDemand, openDatabase } from './database.ts';
import { mustBeThere, resolveBlob } from './layout.ts';
import {
  type FileDigests,
  fileDigestsIn,
  type Locations,
  locationsIn,
  MIGRATIONS,
  type Names,
  namesIn,
  type Roots,
  rootsIn,
  type Verdicts,
  verdictsIn,
} from './local-index.ts';
import { type Spool, spool } from './spool.ts';
import { createTempFiles } from './temp-files.ts';

/** What this machine has built, fetched and found out; shared by all processes that use the same home. */
export interface LocalStore extends ListingTarget {
  readonly home: string;
  readonly names: Names;
  readonly roots: Roots;
  readonly locations: Locations;
  readonly verdicts: Verdicts;
  readonly fileDigests: FileDigests;
  /** Keeps a stream aside that cannot be read twice; swept if this process dies before `dispose`. */
  spool(stream: Readable, options?: PutOptions): Promise<Spool>;
  /** Closes the index; the store is not used afterwards. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface LocalStoreOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Opens the index with its first use, and throws then what is wrong with it. */
  readonly onDemand?: boolean;
}

/**
 * Opens the local store, making it when it is missing: `blobs/`, `tmp/` and `index.sqlite` under the home
 * (`$DOGWOOD_HOME`).
 *
 * @throws STORE_CORRUPT, STORE_TOO_NEW, STORE_UNWRITABLE, STORE_BUSY
 */
export async function openLocalStore(home: string, options: LocalStoreOptions = {}): Promise<LocalStore> {
  const now = options.now ?? Date.now;
  const name = 'local store';
  // Images of private applications: nobody else's business, whatever the umask.
  await makeFolder(home, 0o700);
  await makeFolder(join(home, 'tmp'), 0o700, { lasting: false });
  const temp = createTempFiles(join(home, 'tmp'));
  const blobs = createBlobFiles(home, temp, `${name} ${home}`);
  const openIndex = () => openDatabase(join(home, 'index.sqlite'), MIGRATIONS);
  const database = options.onDemand ? databaseOnDemand(openIndex) : await openIndex();
  const names = namesIn(database, now);
  const roots = rootsIn(database, now);

  const store: LocalStore = {
    name,
    home,
    names,
    roots,
    locations: locationsIn(database, now),
    verdicts: verdictsIn(database, now),
    fileDigests: fileDigestsIn(database, now),
    has: blobs.has,
    open: blobs.open,
    put: blobs.put,
    async resolve(reference, signal) {
      if (isDigest(reference)) return await resolveBlob(store, blobs, reference, signal);
      return await names.get(reference);
    },
    async tag(descriptor, tag) {
      await mustBeThere(store, descriptor);
      await names.put(tag, descriptor);
    },
    async addRoot(descriptor) {
      await mustBeThere(store, descriptor);
      await roots.add(descriptor);
    },
    async list() {
      const named: readonly ListedImage[] = await names.list();
      const known = new Set(named.map((image) => image.descriptor.digest));
      const others = (await roots.list()).filter((root) => !known.has(root.digest));
      return [...named, ...others.map((descriptor) => ({ descriptor }))];
    },
    spool: (stream, spoolOptions) => spool(stream, temp, spoolOptions),
    close: () => database.close(),
    [Symbol.dispose]: () => database.close(),
  };
  return store;
}
