import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Facts } from '../../builders/builder.ts';
import { asDogwoodError, ERRORS } from '../../errors.ts';
import type { BlobOrigin } from '../../oci/content.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ListingTarget } from '../../oci/listing.ts';
import { holdName } from '../../oci/stores/home-locks.ts';
import {
  homeTempFiles,
  type LocalStore,
  openLocalStore,
  STORE_INDEX,
  STORE_NAME,
} from '../../oci/stores/local.ts';
import type { TempFiles } from '../../oci/stores/temp-files.ts';
import type { Emit } from '../../plan/events.ts';
import type { BlobLocations } from '../../registry/upload/known-blobs.ts';
import type { PipelineEnvironment } from './environment.ts';

/** What a run has under `$DOGWOOD_HOME`. Each part is opened when it is first needed: much can be done without any. */
export interface Home {
  /** The local store, opened when something is put in or looked up. Every method throws STORE_* where it cannot be. */
  readonly store: ListingTarget;
  /** Opens the store at once: whoever is going to put an image there learns early that it cannot be. Throws STORE_*. */
  openStore(): Promise<LocalStore>;
  /** What earlier runs found out; where nothing can be kept, nothing is known, and a warning says so once. */
  readonly facts: Facts;
  /** Where blobs were seen in registries: written down when the home is closed, and not at all where that cannot be. */
  readonly locations: BlobLocations;
  /** Writes the locations down now: for runs of many builds, which may be killed before their end. */
  saveLocations(): Promise<void>;
  /** Where files of a moment are made; those of a process that died are swept. */
  readonly temp: TempFiles;
  /** Waits until no other run of this home holds a name, and holds it. Throws STORE_UNWRITABLE. */
  hold(name: string, onWait: () => void): Promise<{ release(): void }>;
  close(): Promise<void>;
}

export function openHome(environment: PipelineEnvironment): Home {
  let opening: Promise<LocalStore> | undefined;
  const openStore = (): Promise<LocalStore> => {
    // An `async` function, so that a home that cannot even be told rejects like one that cannot be opened.
    opening ??= (async () => await openLocalStore(environment.home))();
    return opening;
  };
  const attempt = optionally(openStore, environment.emit);
  const { locations, write } = rememberedLocations(attempt, {
    isOpen: () => opening !== undefined,
    isThere: () => isStoreIn(environment),
  });
  return {
    store: lazyStore(openStore),
    openStore,
    facts: optionalFacts(attempt),
    locations,
    saveLocations: write,
    temp: homeTempFiles(() => environment.home),
    hold: (name, onWait) => holdName(environment.home, name, { onWait, signal: environment.signal }),
    async close() {
      await write();
      (await opening?.catch(() => undefined))?.close();
    },
  };
}

/** A home that cannot even be told holds none. */
function isStoreIn(environment: PipelineEnvironment): boolean {
  try {
    return existsSync(join(environment.home, STORE_INDEX));
  } catch {
    return false;
  }
}

function lazyStore(open: () => Promise<LocalStore>): ListingTarget {
  return {
    name: STORE_NAME,
    has: async (descriptor, signal) => (await open()).has(descriptor, signal),
    open: async (descriptor, options) => (await open()).open(descriptor, options),
    put: async (content, expected, options) => (await open()).put(content, expected, options),
    discardDamaged: async (descriptor) => (await open()).discardDamaged?.(descriptor),
    resolve: async (reference, signal) => (await open()).resolve(reference, signal),
    tag: async (descriptor, tag, signal) => (await open()).tag(descriptor, tag, signal),
    addRoot: async (descriptor, signal) => (await open()).addRoot?.(descriptor, signal),
    list: async (signal) => (await open()).list(signal),
  };
}

type Attempt = <T>(work: (store: LocalStore) => Promise<T>) => Promise<T | undefined>;

/** What saves work and decides nothing: a home that is missing, full or damaged must not fail what needs none. */
function optionally(open: () => Promise<LocalStore>, emit: Emit): Attempt {
  let warned = false;
  return async (work) => {
    try {
      return await work(await open());
    } catch (thrown) {
      const error = asDogwoodError(thrown);
      if (ERRORS[error.code].fault === 'bug') throw error;
      if (!warned) {
        const message = `what this run finds out is not kept for the next one: ${error.message} (${error.code}); ${error.hint}`;
        emit({ type: 'warning', code: 'FACTS_NOT_KEPT', message });
      }
      warned = true;
      return undefined;
    }
  };
}

function optionalFacts(attempt: Attempt): Facts {
  return {
    verdicts: {
      get: (kind, key) => attempt((facts) => facts.verdicts.get(kind, key)),
      put: (kind, key, document) => attempt((facts) => facts.verdicts.put(kind, key, document)),
    },
    fileDigests: {
      get: (path) => attempt((facts) => facts.fileDigests.get(path)),
      put: (before, digest) => attempt((facts) => facts.fileDigests.put(before, digest)),
    },
  };
}

/**
 * The local store's locations for a registry client. What a run sees is held until its end, so that no blob waits for
 * the disk. A store that is there is opened for it as soon as something was put somewhere, while other bytes are still
 * on their way; a run that finds everything where it was does not open it. None is made for it: that costs a push
 * several waits for the disk (100 ms and more while a registry on the same machine writes), for hints.
 */
function rememberedLocations(
  attempt: Attempt,
  store: { readonly isOpen: () => boolean; readonly isThere: () => boolean },
) {
  type Sight = { readonly digest: Digest; readonly origin: BlobOrigin; readonly seen: boolean };
  const sights = new Map<string, Sight>();
  const note = (digest: Digest, origin: BlobOrigin, seen: boolean) => {
    const key = `${origin.registry}/${origin.repository}@${digest}`;
    sights.delete(key);
    sights.set(key, { digest, origin, seen });
  };
  const isUsable = () => store.isOpen() || store.isThere();
  const open = () => {
    if (store.isOpen() || !isUsable()) return;
    attempt(async () => undefined).catch(() => {
      // Said again by whoever uses it.
    });
  };
  const find = async (digest: Digest, registry: string): Promise<readonly BlobOrigin[]> =>
    (await attempt((opened) => opened.locations.of(digest, registry))) ?? [];
  const locations: BlobLocations = {
    async of(digest, registry) {
      return isUsable() ? await find(digest, registry).catch(() => []) : [];
    },
    seen(digest, origin, how) {
      note(digest, origin, true);
      if (how === 'put') open();
    },
    forget(digest, origin) {
      note(digest, origin, false);
      open();
    },
  };
  return {
    locations,
    async write(): Promise<void> {
      if (sights.size === 0 || !store.isOpen()) return;
      const news = [...sights.values()];
      sights.clear();
      await attempt(async ({ locations }) => {
        for (const { digest, origin, seen } of news) {
          await (seen ? locations.seen(digest, origin) : locations.forget(digest, origin));
        }
      });
    },
  };
}
