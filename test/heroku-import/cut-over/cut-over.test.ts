import { expect, test } from 'vitest';
import type { AccountLists } from '../../../src/heroku-import/account/account.ts';
import type { AppState } from '../../../src/heroku-import/account/app-state.ts';
import { addonKind } from '../../../src/heroku-import/cut-over/addon-table.ts';
import { cutOver } from '../../../src/heroku-import/cut-over/cut-over.ts';
import { planApp } from '../../../src/heroku-import/plan/plan-app.ts';
import { appState, NO_ACCOUNT } from '../../helpers/heroku/app-state.ts';
import { idOf } from '../../helpers/heroku/ids.ts';

const named = (name: string) => ({ id: idOf(name), name });

const addon = (name: string, service: string, owner = 'shop') => ({
  ...named(name),
  app: named(owner),
  addon_service: named(service),
  plan: named(`${service}:basic`),
  config_vars: [],
});

const attachment = (of: ReturnType<typeof addon>, app: string, name: string) => ({
  id: idOf(`${name} ${app}`),
  name,
  app: named(app),
  addon: { id: of.id, name: of.name, app: of.app },
});

const steps = (different: Partial<AppState> = {}, lists: Partial<AccountLists> = {}) => {
  const state = appState(different);
  const account = { ...NO_ACCOUNT, ...lists };
  return cutOver(state, planApp(state, account), account);
};
const titles = (...args: Parameters<typeof steps>) => steps(...args).map(({ title }) => title);
const detail = (title: string, ...args: Parameters<typeof steps>) =>
  steps(...args).find((step) => step.title === title)?.detail ?? '';

const database = addon('pg-1', 'heroku-postgresql');
const queue = addon('amqp-1', 'cloudamqp');
const mail = addon('mail-1', 'sendgrid');
const lists = {
  addons: [database, queue, mail],
  attachments: [
    attachment(database, 'shop', 'DATABASE'),
    attachment(database, 'admin', 'DATABASE'),
    attachment(queue, 'shop', 'CLOUDAMQP'),
    attachment(mail, 'shop', 'SENDGRID'),
  ],
};

test('an app with nothing around it is looked at, moved and switched off', () => {
  expect(titles({ domains: [] })).toEqual([
    'Rehearsal',
    'Maintenance mode',
    'Config',
    'Deploy',
    'Check',
    'Addresses',
    'A way back',
    'Switch off at last',
  ]);
});

test('what can be done before comes before, data moves while nobody writes, DNS last', () => {
  const domains = [{ hostname: 'www.example.com', kind: 'custom' as const, acm_status: 'cert issued' }];
  const formation = [
    { type: 'web', command: 'w', quantity: 1, size: 'Basic' },
    { type: 'worker', command: 'w', quantity: 1, size: 'Basic' },
  ];
  expect(titles({ domains, formation, drains: ['logs.example.com'] }, lists)).toEqual([
    'The day before: DNS',
    'Certificates',
    'New home for pg-1',
    'New home for amqp-1',
    'Replace mail-1',
    'Logs',
    'Rehearsal',
    'Maintenance mode',
    'Together',
    'Stop what writes',
    'Move the data of amqp-1',
    'Move the data of pg-1',
    'Config',
    'Deploy',
    'Check',
    'DNS',
    'A way back',
    'Switch off at last',
  ]);
  expect(detail('Stop what writes', { formation })).toContain('heroku ps:scale worker=0 -a shop');
});

test('apps that share data move together, and its owner goes last', () => {
  expect(detail('Together', {}, lists)).toBe(
    'admin uses the same data: cut over shop, admin at once, and move it once.',
  );
  expect(detail('Maintenance mode', {}, lists)).toContain('heroku maintenance:on -a admin');
  expect(detail('Move the data of pg-1', {}, lists)).toMatch(
    /^Once, for admin, shop together\. .*pg_restore/,
  );
  expect(detail('Switch off at last', {}, lists)).toContain('not before admin has left, too');
  const lent = {
    ...lists,
    attachments: [attachment(addon('pg-1', 'heroku-postgresql', 'admin'), 'shop', 'DATABASE')],
  };
  expect(detail('Switch off at last', {}, lent)).not.toContain('not before');
});

test('an app that does not move has nothing to do', () => {
  const { app } = appState();
  expect(steps({ app: { ...app, generation: 'fir' } })).toEqual([]);
  expect(steps({ slug: undefined })).toEqual([]);
});

test.each([
  ['heroku-postgresql', 'data', 'postgresql://'],
  ['heroku-redis', 'data', 'self-signed'],
  ['heroku-kafka', 'data', 'MirrorMaker'],
  ['scheduler', 'none', 'by hand'],
  ['memcachier', 'copies', 'cache'],
  ['papertrail', 'none', 'logs'],
  ['logentries', 'none', 'logs'],
  ['jawsdb', 'data', 'mysqldump'],
  ['no-one-knows', 'data', 'vendor'],
])('%s holds %s', (service, holds, next) => {
  expect(addonKind(service).holds).toBe(holds);
  expect(addonKind(service).next).toContain(next);
});

test('what is left behind has a next step of its own', () => {
  const { app } = appState();
  const state = appState({
    app: { ...app, space: named('fort') },
    buildpacks: ['heroku/nodejs', 'heroku-community/nginx'],
    features: ['http-session-affinity', 'unheard-of'],
    domains: [
      { hostname: 'a.example.com', kind: 'custom', acm_status: 'cert issued' },
      { hostname: 'b.example.com', kind: 'custom', sni_endpoint: { name: 'lion' } },
    ],
  });
  const nexts = new Map(planApp(state, NO_ACCOUNT).notCarried.map(({ what, next }) => [what, next]));
  expect(nexts.get('certificate of a.example.com')).toContain('DNS challenge');
  expect(nexts.get('certificate of b.example.com')).toContain('install it');
  expect(nexts.get('buildpack heroku-community/nginx')).toContain('bin/start-nginx');
  expect(nexts.has('buildpack heroku/nodejs')).toBe(false);
  expect(nexts.get('feature http-session-affinity')).toContain('sticky');
  expect(nexts.get('feature unheard-of')).toContain('its like');
  expect(nexts.get('private space fort')).toContain('peerings');
});
