import { type AccountLists, readAccountLists } from '../account/account.ts';
import { type AppState, readApp } from '../account/app-state.ts';
import type { HerokuApi } from '../api/client.ts';
import { appDocument } from '../api/documents.ts';
import { planApp } from './plan-app.ts';
import type { AppPlan } from './plan-document.ts';

/** An account as it is at this moment, for who knows which apps are meant. */
export interface AccountNow {
  readonly lists: AccountLists;
  /** One app by its id, and what would be planned for it now. Throws HEROKU_*. */
  read(id: string): Promise<{ readonly state: AppState; readonly now: AppPlan }>;
}

/** Reads the account's own lists; an app that is in none of them is asked for when it is wanted. Throws HEROKU_*. */
export async function openAccountNow(api: HerokuApi): Promise<AccountNow> {
  const [lists, listed] = await Promise.all([readAccountLists(api), api.list('/apps', appDocument)]);
  const apps = new Map(listed.map((app) => [app.id, app]));
  return {
    lists,
    async read(id) {
      const state = await readApp(api, apps.get(id) ?? (await api.get(`/apps/${id}`, appDocument)));
      return { state, now: planApp(state, lists) };
    },
  };
}
