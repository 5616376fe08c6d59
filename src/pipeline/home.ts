import type { Facts } from '../builders/builder.ts';
import { asDogwoodError, ERRORS } from '../errors.ts';
import type { ListingTarget } from '../oci/listing.ts';
import { holdName } from '../oci/stores/home-locks.ts';
import { homeTempFiles, type LocalStore, openLocalStore, STORE_NAME } from '../oci/stores/local.ts';
import type { TempFiles } from '../oci/stores/temp-files.ts';
import type { Emit } from '../plan/events.ts';
import type { PipelineEnvironment } from './environment.ts';

/** What a run has under `$DOGWOOD_HOME`. Each part is opened when it is first needed: much can be done without any. */
export interface Home {
  /** The local store, opened when something is put in or looked up. Every method throws STORE_* where it cannot be. */
  readonly store: ListingTarget;
  /** Opens the store at once: whoever is going to put an image there learns early that it cannot be. Throws STORE_*. */
  openStore(): Promise<LocalStore>;
  /** What earlier runs found out; where nothing can be kept, nothing is known, and a warning says so once. */
  readonly facts: Facts;
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
  return {
    store: lazyStore(openStore),
    openStore,
    facts: optionalFacts(openStore, environment.emit),
    temp: homeTempFiles(() => environment.home),
    hold: (name, onWait) => holdName(environment.home, name, { onWait, signal: environment.signal }),
    async close() {
      (await opening?.catch(() => undefined))?.close();
    },
  };
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

/** Facts save work and decide nothing: a home that is missing, full or damaged must not fail what needs none. */
function optionalFacts(open: () => Promise<LocalStore>, emit: Emit): Facts {
  let warned = false;
  const attempt = async <T>(work: (facts: Facts) => Promise<T>): Promise<T | undefined> => {
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
