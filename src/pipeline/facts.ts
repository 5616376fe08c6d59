import { stat } from 'node:fs/promises';
import type { Facts } from '../builders/builder.ts';
import type { Digest } from '../oci/digest.ts';
import type { LocalStore } from '../oci/stores/local.ts';

/** What earlier runs found out, kept in the local store. */
export function storeFacts(store: LocalStore): Facts {
  return {
    get: (kind, key) => store.verdicts.get(kind, key),
    set: (kind, key, value) => store.verdicts.set(kind, key, value),
    knownFileDigest: async (path): Promise<Digest | undefined> => store.fileDigests.get(path, await stat(path, { bigint: true })),
    rememberFile: async (path, digest) => store.fileDigests.set(path, await stat(path, { bigint: true }), digest),
  };
}
