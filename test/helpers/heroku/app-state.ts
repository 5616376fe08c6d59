import type { Account } from '../../../src/heroku-import/account/account.ts';
import type { AppState } from '../../../src/heroku-import/account/app-state.ts';
import { idOf } from './ids.ts';

const named = (name: string) => ({ id: idOf(name), name });

/** An app with a slug, as an import reads it; say what is different about it. */
export function appState(different: Partial<AppState> = {}): AppState {
  return {
    app: {
      id: idOf('shop'),
      name: 'shop',
      generation: 'cedar',
      maintenance: false,
      region: named('us'),
      stack: named('heroku-24'),
      locked: false,
      joined: true,
      web_url: 'https://shop-0123456789ab.herokuapp.com/',
    },
    release: {
      id: idOf('release 42'),
      version: 42,
      status: 'succeeded',
      current: true,
      created_at: '2026-01-02T03:04:05Z',
      description: 'Deploy 1234abcd',
      slug: { id: idOf('slug') },
    },
    slug: {
      id: idOf('slug'),
      blob: { url: 'https://slugs.example.com/x?Signature=s' },
      commit: '1234abcd'.repeat(5),
      process_types: { web: 'node server.js', worker: 'node worker.js', release: 'migrate', console: 'node' },
      stack: named('heroku-24'),
    },
    formation: [
      { type: 'web', command: 'node server.js', quantity: 2, size: 'Standard-2X' },
      { type: 'worker', command: 'node worker.js', quantity: 0, size: 'Performance-M' },
    ],
    config: {},
    domains: [
      { hostname: 'www.example.com', kind: 'custom' },
      { hostname: 'shop-0123456789ab.herokuapp.com', kind: 'heroku' },
    ],
    drains: [],
    webhooks: 0,
    features: [],
    collaborators: [],
    buildpacks: ['heroku/nodejs'],
    ...different,
  };
}

/** An account with nothing but apps. */
export const NO_ACCOUNT: Account = {
  apps: [],
  addons: [],
  attachments: [],
  pipelines: new Set(),
  stages: new Map(),
};

/** The same with a database that is attached to `appState`'s app as DATABASE. */
export function withDatabase(account: Account): Account {
  const app = named('shop');
  const addon = { id: idOf('addon shop'), name: 'postgresql-shop', app };
  return {
    ...account,
    addons: [
      {
        ...addon,
        addon_service: named('heroku-postgresql'),
        plan: named('heroku-postgresql:essential-0'),
        config_vars: ['DATABASE_URL'],
      },
    ],
    attachments: [{ id: idOf('attachment'), name: 'DATABASE', app, addon }],
  };
}
