import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import { type Digest, isDigest } from '../digest.ts';
import type { ListedImage, ListingTarget } from '../listing.ts';
import { createBlobFiles, makeFolder } from './blob-files.ts';
import { removeIfDamaged } from './damaged.ts';
import { type Database, openDatabase } from './database.ts';
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
  revisionOf,
  rootsIn,
  type Verdicts,
  verdictsIn,
} from './local-index.ts';
import { createTempFiles, type TempFiles } from './temp-files.ts';

/** What this machine has built, fetched and found out; shared by all processes that use the same home. */
export interface LocalStore extends ListingTarget {
  readonly home: string;
  readonly names: Names;
  readonly roots: Roots;
  readonly locations: Locations;
  readonly verdicts: Verdicts;
  readonly fileDigests: FileDigests;
  /** Where the file of a blob lies, or would: for those who read parts of it. */
  blobFile(digest: Digest): string;
  /** Another text whenever a name or root may have changed since, here or in another process. */
  revision(): Promise<string>;
  /** Closes the index; the store is not used afterwards. */
  close(): void;
  [Symbol.dispose](): void;
}

/** For messages. */
export const STORE_NAME = 'local store';

/** The index of a home, which is there once a store was opened in it. */
export const STORE_INDEX = 'index.sqlite';

export interface LocalStoreOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Opens the local store, making it when it is missing: `blobs/`, `tmp/` and `index.sqlite` under the home
 * (`$DOGWOOD_HOME`).
 *
 * @throws STORE_CORRUPT, STORE_TOO_NEW, STORE_UNWRITABLE, STORE_BUSY
 */
export async function openLocalStore(home: string, options: LocalStoreOptions = {}): Promise<LocalStore> {
  const now = options.now ?? Date.now;
  const name = STORE_NAME;
  const { temp, database } = await makeHome(home).catch((error: unknown) => {
    throw namingHome(error);
  });
  const blobs = createBlobFiles(home, temp, `${name} ${home}`, { discardsDamaged: true });
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
    blobFile: blobs.path,
    revision: () => revisionOf(database),
    has: blobs.has,
    open: blobs.open,
    put: blobs.put,
    discardDamaged: ({ digest }) => removeIfDamaged(blobs.path(digest), digest),
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
    close: () => database.close(),
    [Symbol.dispose]: () => database.close(),
  };
  return store;
}

async function makeHome(home: string): Promise<{ temp: TempFiles; database: Database }> {
  const temp = createTempFiles(await makeFolders(home));
  return { temp, database: await openDatabase(join(home, STORE_INDEX), MIGRATIONS) };
}

/** Makes the home and its folder for temporary files, whose path it gives. */
async function makeFolders(home: string): Promise<string> {
  const folder = join(home, 'tmp');
  // Images of private applications: nobody else's business, whatever the umask.
  await makeFolder(home, 0o700);
  await makeFolder(folder, 0o700);
  return folder;
}

/**
 * Temporary files under the home, which is made when the first of them is.
 *
 * @param home is asked for then, and may throw
 */
export function homeTempFiles(home: () => string): TempFiles {
  let made: Promise<TempFiles> | undefined;
  const files = (): Promise<TempFiles> => {
    made ??= (async () => createTempFiles(await makeFolders(home())))();
    return made;
  };
  const named = async <T>(work: Promise<T>): Promise<T> =>
    await work.catch((error: unknown) => {
      throw namingHome(error);
    });
  return {
    use: async (work) => (await named(files())).use(work),
    reserve: () => named(files().then((temp) => temp.reserve())),
  };
}

/** A home that cannot be used is most often not the one that was meant: the hint names what chooses it. */
export function namingHome(error: unknown): unknown {
  if (!(error instanceof DogwoodError) || error.code !== 'STORE_UNWRITABLE') return error;
  return new DogwoodError(error.code, error.message, {
    hint: 'Set DOGWOOD_HOME to a folder that can be written, or mend the permissions of this one.',
    cause: error.cause,
  });
}
