import type { RunHelper } from '../../engines/credential-helper.ts';
import { canonicalRegistry } from '../../oci/reference.ts';
import {
  type CredentialDocument,
  type CredentialPlace,
  credentialIn,
  helperFor,
  placeName,
  readPlace,
} from './credential-document.ts';
import { createHelpers } from './credential-helpers.ts';
import type { Credential, CredentialSource } from './credentials.ts';

/**
 * Credentials as Docker and Podman keep them. The first place that has any for a repository decides; in each it is
 *
 * 1. an entry of `auths` for a part of the registry (`HOST/TEAM`), the longest first, as Podman keeps them,
 * 2. the helper of the host (`credHelpers`), then that of all hosts (`credsStore`): they are asked for the host only,
 * 3. the entry of the host in `auths`.
 *
 * Each place is read once, when first needed, and each helper is asked once for a host. A place that is not there is
 * no error.
 */
export function registryCredentials(
  places: readonly CredentialPlace[],
  runHelper: RunHelper,
): CredentialSource {
  const askHelper = createHelpers(runHelper);
  const documents = new Map<CredentialPlace, Promise<CredentialDocument>>();
  const read = (place: CredentialPlace): Promise<CredentialDocument> => {
    const document = documents.get(place) ?? readPlace(place);
    documents.set(place, document);
    return document;
  };
  const findIn = async (
    place: CredentialPlace,
    host: string,
    repository: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Credential | undefined> => {
    const document = await read(place);
    const part = repository === undefined ? undefined : credentialIn(document, place, host, repository);
    if (part !== undefined) return part;
    for (const helper of [helperFor(document, host), document.credsStore]) {
      const found = helper ? await askHelper(helper, host, signal) : undefined;
      if (found !== undefined) return found;
    }
    return credentialIn(document, place, host);
  };
  return {
    places: `looked in ${places.map(placeName).join(', ')}`,
    async find(registry, repository, signal) {
      for (const place of places) {
        const found = await findIn(place, canonicalRegistry(registry), repository, signal);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
