import type { Digest } from '../oci/digest.ts';
import { openLocalStore } from '../oci/stores/local.ts';

/** The name an image of the local store got last; undefined when it has none. */
export async function findLocalName(home: string, digest: Digest): Promise<string | undefined> {
  const store = await openLocalStore(home);
  try {
    const names = await store.names.list();
    const own = names.filter(({ descriptor }) => descriptor.digest === digest);
    return own.sort((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime())[0]?.name;
  } finally {
    store.close();
  }
}
