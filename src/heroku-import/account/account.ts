import { DogwoodError } from '../../errors.ts';
import type { HerokuApi } from '../api/client.ts';
import {
  type Addon,
  type Attachment,
  addonDocument,
  appDocument,
  attachmentDocument,
  couplingDocument,
  type HerokuApp,
  pipelineDocument,
  teamDocument,
} from '../api/documents.ts';

/** Which apps are meant. */
export interface Selection {
  readonly all: boolean;
  readonly teams: readonly string[];
  readonly pipelines: readonly string[];
  readonly apps: readonly string[];
}

/** Where an app stands in a pipeline. */
export interface Stage {
  readonly pipeline: string;
  readonly stage: string;
}

/** What an account's lists say of what is around its apps. */
export interface AccountLists {
  readonly addons: readonly Addon[];
  readonly attachments: readonly Attachment[];
  /** By the app's id. */
  readonly stages: ReadonlyMap<string, Stage>;
  /** Names of the pipelines there are. */
  readonly pipelines: ReadonlySet<string>;
}

/** What an account's lists say, before any app is looked at by itself. */
export interface Account extends AccountLists {
  /** By name. */
  readonly apps: readonly HerokuApp[];
}

/** Up to so many apps are asked for one by one; the whole list may be thousands. */
const FEW = 3;

/**
 * Reads an account by its own lists, a call per 200 things, rather than app by app. A team's list also names apps
 * that the token may not see into: they are among the apps, `locked`.
 *
 * @throws HEROKU_NOT_FOUND for an app, team or pipeline that is not there; HEROKU_*
 */
export async function readAccount(api: HerokuApi, selection: Selection): Promise<Account> {
  const lists = await readAccountLists(api);
  const unknown = selection.pipelines.find((wanted) => !lists.pipelines.has(wanted));
  if (unknown !== undefined) throw missing('pipeline', unknown);
  const apps = await readApps(api, selection, lists.stages);
  return { ...lists, apps: apps.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** Four lists, whatever the number of apps. Throws HEROKU_*. */
export async function readAccountLists(api: HerokuApi): Promise<AccountLists> {
  const [addons, attachments, pipelines, couplings] = await Promise.all([
    api.list('/addons', addonDocument),
    api.list('/addon-attachments', attachmentDocument),
    api.list('/pipelines', pipelineDocument),
    api.list('/pipeline-couplings', couplingDocument),
  ]);
  const names = new Map(pipelines.map(({ id, name }) => [id, name]));
  const stages = new Map(
    couplings.map(({ app, pipeline, stage }) => [
      app.id,
      { pipeline: names.get(pipeline.id) ?? pipeline.id, stage },
    ]),
  );
  return { addons, attachments, stages, pipelines: new Set(names.values()) };
}

async function readApps(
  api: HerokuApi,
  { all, teams, pipelines, apps }: Selection,
  stages: ReadonlyMap<string, Stage>,
): Promise<readonly HerokuApp[]> {
  const found = new Map<string, HerokuApp>();
  const add = (more: readonly HerokuApp[]) => {
    for (const app of more) if (!found.has(app.id)) found.set(app.id, app);
  };
  // One by one: each name that is wrong is told by itself.
  const single = !all && pipelines.length === 0 && apps.length <= FEW ? apps : [];
  for (const name of single) add([await api.get(`/apps/${encodeURIComponent(name)}`, appDocument)]);
  const wantsList = all || pipelines.length > 0 || apps.length > FEW;
  const listed = wantsList ? await api.list('/apps', appDocument) : [];
  if (all) add(listed);
  add(listed.filter(({ id }) => pipelines.includes(stages.get(id)?.pipeline ?? '')));
  if (single.length === 0) {
    for (const name of apps) {
      const app = listed.find((one) => one.name === name || one.id === name);
      if (app === undefined) throw missing('app', name);
      add([app]);
    }
  }
  const teamNames = all ? (await api.list('/teams', teamDocument)).map(({ name }) => name) : teams;
  for (const team of teamNames) add(await api.list(`/teams/${encodeURIComponent(team)}/apps`, appDocument));
  return [...found.values()];
}

function missing(kind: string, name: string): DogwoodError {
  return new DogwoodError('HEROKU_NOT_FOUND', `the account sees no ${kind} ${name}`);
}
