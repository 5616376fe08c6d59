import { stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { asDogwoodError } from '../errors.ts';
import {
  type CredentialDocument,
  type CredentialPlace,
  parseCredentialKey,
  placeName,
  readPlace,
} from '../registry/auth/credential-document.ts';
import { credentialPlaces } from './folders.ts';
import type { CliHost } from './host.ts';

/** What `build doctor` tells of credentials: names only, never a value. */
export interface CredentialsReport {
  /** Where they are looked for, in this order; `found` is false where there is none, which is no fault. */
  readonly places: readonly {
    readonly place: string;
    readonly found: boolean;
    readonly problem: string | null;
  }[];
  /** What the first place that has any for it says. */
  readonly registries: readonly {
    /** A host, or a part of it (`HOST/TEAM`); `*` for all that have no helper of their own. */
    readonly registry: string;
    /** `auths`, or the program that is asked. */
    readonly source: string;
    readonly place: string;
    /** False where that program is not on the PATH. */
    readonly ok: boolean;
  }[];
}

/** No helper is asked, since it might ask a person, and no secret is read into the answer. */
export async function examineCredentials(host: CliHost): Promise<CredentialsReport> {
  const examined = await Promise.all(credentialPlaces(host).map(examinePlace));
  const registries = new Map<string, { place: string; source: string; helper: string | undefined }>();
  for (const { place, document } of examined) {
    for (const [registry, helper] of registriesOf(document)) {
      const source = helper === undefined ? 'auths' : `docker-credential-${helper}`;
      if (!registries.has(registry)) registries.set(registry, { place, source, helper });
    }
  }
  return {
    places: examined.map(({ place, found, problem }) => ({ place, found, problem })),
    registries: await Promise.all(
      [...registries].map(async ([registry, { helper, source, place }]) => ({
        registry,
        source,
        place,
        ok: helper === undefined || (await isOnPath(source, host.environment.PATH)),
      })),
    ),
  };
}

async function examinePlace(place: CredentialPlace) {
  const found = place.kind === 'variable' || (await stat(place.path).catch(() => undefined)) !== undefined;
  try {
    return { place: placeName(place), found, problem: null, document: await readPlace(place) };
  } catch (error) {
    return { place: placeName(place), found, problem: asDogwoodError(error).message, document: {} };
  }
}

/** Each registry of a document with its helper, where it has one. Later ones win. */
function registriesOf({
  auths,
  credsStore,
  credHelpers,
}: CredentialDocument): ReadonlyMap<string, string | undefined> {
  const named = (key: string): string => {
    const { host, path } = parseCredentialKey(key);
    return path === '' ? host : `${host}/${path}`;
  };
  const store = credsStore || undefined;
  return new Map([
    // A helper is asked for hosts only: a part of one is in the file.
    ...Object.keys(auths ?? {}).map(
      (key) => [named(key), named(key).includes('/') ? undefined : store] as const,
    ),
    ...Object.entries(credHelpers ?? {}).map(([key, helper]) => [named(key), helper] as const),
    ...(store === undefined ? [] : [['*', store] as const]),
  ]);
}

async function isOnPath(file: string, path: string | undefined): Promise<boolean> {
  for (const folder of (path ?? '').split(delimiter)) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (found?.isFile() && (found.mode & 0o111) !== 0) return true;
  }
  return false;
}
