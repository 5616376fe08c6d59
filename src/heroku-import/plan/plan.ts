import { DogwoodError } from '../../errors.ts';
import { type Account, readAccount, type Selection } from '../account/account.ts';
import { forecast, readApp } from '../account/app-state.ts';
import type { HerokuApi } from '../api/client.ts';
import type { HerokuApp } from '../api/documents.ts';
import { planApp, planClosedApp } from './plan-app.ts';
import type { AppPlan, Fate, MigrationPlan } from './plan-document.ts';

export interface PlanOptions {
  readonly api: HerokuApi;
  /** For the document: whom was asked. */
  readonly host: string;
  readonly selection: Selection;
  readonly now: () => Date;
  /** Told of each app when it is known. */
  readonly onApp?: ((plan: AppPlan, done: number, total: number) => void) | undefined;
}

/**
 * Looks at every app that is meant and says what an import would do; writes nothing anywhere.
 *
 * An app that the token may not see into, or that went away meanwhile, is part of the plan. Everything else that goes
 * wrong ends the run: half a plan would be read as a whole one.
 *
 * @throws HEROKU_*
 */
export async function planMigration(options: PlanOptions): Promise<MigrationPlan> {
  const { api } = options;
  const account = await readAccount(api, options.selection);
  let done = 0;
  const apps = await Promise.all(
    account.apps.map(async (app) => {
      const plan = await planOne(api, app, account);
      done += 1;
      options.onApp?.(plan, done, account.apps.length);
      return plan;
    }),
  );
  const remaining = api.usage().remaining ?? 0;
  const importable = apps.filter(({ fate }) => fate === 'slug' || fate === 'container').length;
  return {
    schemaVersion: 1,
    createdAt: options.now().toISOString(),
    api: options.host,
    apps,
    totals: totalsOf(apps),
    forecast: { ...forecast(importable, remaining), remaining },
  };
}

async function planOne(api: HerokuApi, app: HerokuApp, account: Account): Promise<AppPlan> {
  if (app.locked || !app.joined) {
    return planClosedApp(app, 'it is locked in its team: join it (`heroku apps:join`) and plan again');
  }
  try {
    return planApp(await readApp(api, app), account);
  } catch (error) {
    if (!(error instanceof DogwoodError) || !CLOSED.has(error.code)) throw error;
    return planClosedApp(app, error.message);
  }
}

/** What is one app's trouble only. */
export const CLOSED: ReadonlySet<string> = new Set(['HEROKU_FORBIDDEN', 'HEROKU_NOT_FOUND']);

function totalsOf(apps: readonly AppPlan[]): MigrationPlan['totals'] {
  const count = (fate: Fate) => apps.filter((app) => app.fate === fate).length;
  // The same slug runs in several apps of a pipeline, and moves once.
  const slugs = new Map(
    apps.flatMap(({ slug }) => (slug ? [[slug.checksum ?? slug.id, slug.size ?? 0] as const] : [])),
  );
  return {
    apps: apps.length,
    byFate: {
      slug: count('slug'),
      container: count('container'),
      fir: count('fir'),
      nothing: count('nothing'),
      closed: count('closed'),
    },
    slugBytes: [...slugs.values()].reduce((sum, size) => sum + size, 0),
    secrets: apps.flatMap(({ variables }) => variables).filter((one) => one.class === 'secret').length,
  };
}
