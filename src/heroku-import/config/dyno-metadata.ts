import type { AppState } from '../account/app-state.ts';

/**
 * What Heroku Labs puts into a dyno's environment (Dev Center, "Dyno Metadata"), made from the release that was
 * imported. HEROKU_DYNO_ID is not among them: it names one dyno.
 */
export function metadataOf({ app, release, slug, domains }: AppState): Readonly<Record<string, string>> {
  const domain = domains.find(({ kind }) => kind === 'heroku')?.hostname;
  const commit = slug?.commit ?? undefined;
  const description = release?.description ?? undefined;
  return present({
    HEROKU_APP_ID: app.id,
    HEROKU_APP_NAME: app.name,
    HEROKU_APP_DEFAULT_DOMAIN_NAME: domain ?? hostOf(app.web_url),
    HEROKU_RELEASE_CREATED_AT: release?.created_at,
    HEROKU_RELEASE_VERSION: release === undefined ? undefined : `v${release.version}`,
    HEROKU_SLUG_COMMIT: commit,
    HEROKU_SLUG_DESCRIPTION: description,
    HEROKU_BUILD_COMMIT: commit,
    HEROKU_BUILD_DESCRIPTION: description,
  });
}

/** Names that a feature of the app's brings, whether there is a config var of that name or not. */
export function metadataNames(features: readonly string[]): ReadonlySet<string> {
  return new Set(features.flatMap((feature) => FEATURES.get(feature) ?? []));
}

const RUNTIME_METADATA = [
  'HEROKU_APP_ID',
  'HEROKU_APP_NAME',
  'HEROKU_APP_DEFAULT_DOMAIN_NAME',
  'HEROKU_RELEASE_CREATED_AT',
  'HEROKU_RELEASE_VERSION',
  'HEROKU_SLUG_COMMIT',
  'HEROKU_SLUG_DESCRIPTION',
];
const BUILD_METADATA = ['HEROKU_BUILD_COMMIT', 'HEROKU_BUILD_DESCRIPTION'];

const FEATURES: ReadonlyMap<string, readonly string[]> = new Map([
  ['runtime-dyno-metadata', RUNTIME_METADATA],
  ['runtime-dyno-build-metadata', BUILD_METADATA],
]);

/** Every name that is made from the release. A user's own HEROKU_RELEASE_TOKEN is none. */
export const METADATA: ReadonlySet<string> = new Set([...RUNTIME_METADATA, ...BUILD_METADATA]);

const hostOf = (url: string | null | undefined): string | undefined =>
  url ? URL.parse(url)?.hostname : undefined;

function present(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
