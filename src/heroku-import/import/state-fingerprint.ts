import { digestOf } from '../../oci/digest.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import type { AppState } from '../account/app-state.ts';
import type { ImportDestination } from '../images/destinations.ts';

/** What an import's outcome depends on, besides the app. */
export interface ImportChoices {
  readonly destinations: readonly ImportDestination[];
  /** Null without secrets. */
  readonly recipients: readonly string[] | null;
  readonly stackImages: Readonly<Record<string, string>>;
}

/**
 * The same for the same state at Heroku and the same choices: an import that finds it again has nothing to do. No value
 * can be told from it, for it is made of keyed fingerprints.
 *
 * @param values the keyed fingerprint of every variable, by name
 */
export function stateFingerprint(
  state: AppState,
  values: Readonly<Record<string, string>>,
  choices: ImportChoices,
): string {
  const { app, release, slug, config: _, ...rest } = state;
  return digestOf(
    canonicalJson({
      app: {
        id: app.id,
        name: app.name,
        stack: app.stack.name,
        maintenance: app.maintenance,
        web: app.web_url,
      },
      release: release === undefined ? null : { id: release.id, version: release.version },
      // Without its address, which is signed anew each time.
      slug:
        slug === undefined ? null : { id: slug.id, checksum: slug.checksum, processes: slug.process_types },
      ...rest,
      values,
      choices,
    }),
  );
}
