import type { HerokuApi } from '../api/client.ts';
import {
  buildpackDocument,
  collaboratorDocument,
  configVars,
  type Domain,
  domainDocument,
  drainDocument,
  type Formation,
  featureDocument,
  formationDocument,
  type HerokuApp,
  type Release,
  releaseDocument,
  type Slug,
  slugDocument,
  webhookDocument,
} from '../api/documents.ts';

/** One app as it is at one moment. Holds secrets: the values of variables, and the slug's signed address. */
export interface AppState {
  readonly app: HerokuApp;
  /** The one that runs; undefined where none ever did. */
  readonly release: Release | undefined;
  readonly slug: Slug | undefined;
  readonly formation: readonly Formation[];
  /** Null where the token may not see a value. */
  readonly config: Readonly<Record<string, string | null>>;
  readonly domains: readonly Domain[];
  /** Hosts of log drains; the addresses are secrets. */
  readonly drains: readonly string[];
  readonly webhooks: number;
  /** Names of those that are on. */
  readonly features: readonly string[];
  readonly collaborators: readonly string[];
  /** In order. */
  readonly buildpacks: readonly string[];
}

/** Calls that one app takes. */
export const CALLS_PER_APP = 10;

/** Releases that are looked at in one call; the one that runs is almost always among the newest. */
const RELEASES = 'version ..; order=desc, max=20';

/** Reads everything about one app. Throws HEROKU_*. */
export async function readApp(api: HerokuApi, app: HerokuApp): Promise<AppState> {
  const path = `/apps/${app.id}`;
  const release = await currentRelease(api, path);
  const slugId = release?.slug?.id;
  const isContainer = app.stack.name === 'container';
  const [slug, formation, config, domains, drains, webhooks, features, collaborators, buildpacks] =
    await Promise.all([
      slugId === undefined ? undefined : api.get(`${path}/slugs/${slugId}`, slugDocument),
      // The image of a process is told only to those who ask for this variant (heroku/cli container:release).
      api.list(`${path}/formation`, formationDocument, isContainer ? { version: '3.docker-releases' } : {}),
      api.get(`${path}/config-vars`, configVars),
      api.list(`${path}/domains`, domainDocument),
      api.list(`${path}/log-drains`, drainDocument),
      api.list(`${path}/webhooks`, webhookDocument),
      api.list(`${path}/features`, featureDocument),
      api.list(`${path}/collaborators`, collaboratorDocument),
      api.list(`${path}/buildpack-installations`, buildpackDocument),
    ]);
  return {
    app,
    release,
    slug,
    formation,
    config,
    domains,
    drains: drains.map(({ url }) => URL.parse(url)?.host ?? 'unknown'),
    webhooks: webhooks.length,
    features: features.filter(({ enabled }) => enabled).map(({ name }) => name),
    collaborators: collaborators.map(({ user }) => user.email),
    buildpacks: buildpacks.map(({ buildpack }) => buildpack.name),
  };
}

/** The release that runs: not the newest, which may have failed, and not the newest with a slug (heroku.md section 3). */
export async function currentRelease(api: HerokuApi, path: string): Promise<Release | undefined> {
  const newest = await api.list(`${path}/releases`, releaseDocument, { range: RELEASES });
  const current = newest.find((release) => release.current);
  if (current !== undefined || newest.length < 20) return current;
  return (await api.list(`${path}/releases`, releaseDocument)).find((release) => release.current);
}

/** How long so many apps take, in calls and in milliseconds, with so many calls left and 75 more each minute. */
export function forecast(
  apps: number,
  remaining: number,
): { readonly calls: number; readonly milliseconds: number } {
  const calls = apps * CALLS_PER_APP;
  const missing = Math.max(0, calls - remaining);
  // A call takes some 150 ms there and back, six at a time.
  return { calls, milliseconds: Math.round((calls * 150) / 6 + (missing / 75) * 60_000) };
}
