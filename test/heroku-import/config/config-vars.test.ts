import { expect, test } from 'vitest';
import type { Addon, Attachment } from '../../../src/heroku-import/api/documents.ts';
import { classifyVariables } from '../../../src/heroku-import/config/config-vars.ts';
import type { Owners } from '../../../src/heroku-import/config/variable-owner.ts';

const app = { id: 'a', name: 'app' };
const other = { id: 'b', name: 'other' };

const addon = (id: string, payer: typeof app, configVars: readonly string[]): Addon => ({
  id,
  name: `addon-${id}`,
  app: payer,
  addon_service: { id: 's', name: 'heroku-postgresql' },
  plan: { id: 'p', name: 'heroku-postgresql:essential-0' },
  config_vars: [...configVars],
});

const attached = (name: string, to: typeof app, { id, name: addonName, app }: Addon): Attachment => ({
  id: `${name} ${to.id}`,
  name,
  app: to,
  namespace: name.startsWith('READER') ? 'credential:reader' : null,
  addon: { id, name: addonName, app },
});

const database = addon('pg', app, ['HEROKU_POSTGRESQL_RED_URL', 'DATABASE_CONNECTION_POOL_URL']);
const owners: Owners = { app: 'a', addons: [database], attachments: [attached('DATABASE', app, database)] };

const classOf = (name: string, value: string | null = 'some value', whose = owners) =>
  classifyVariables({ [name]: value }, whose)[0];

test.each([
  ['DATABASE_URL', 'postgres://x', 'addon'],
  ['HEROKU_POSTGRESQL_RED_URL', 'postgres://x', 'addon'],
  ['DATABASE_CONNECTION_POOL_URL', 'postgres://x', 'addon'],
  ['OTHER_DATABASE_URL', 'postgres://x', 'secret'],
  // Named as an attachment is, and not made by it.
  ['DATABASE', 'my-database', 'secret'],
  ['HEROKU_APP_NAME', 'app', 'heroku'],
  ['HEROKU_SLUG_COMMIT', 'abc', 'heroku'],
  ['HEROKU_DYNO_ID', 'abc', 'runtime'],
  // Nobody's but the user's: it would be lost as metadata.
  ['HEROKU_RELEASE_TOKEN', 'abc', 'secret'],
  ['HEROKU_API_KEY', 'abc', 'secret'],
  ['PORT', '5000', 'runtime'],
  ['NODE_ENV', 'production', 'plain'],
  ['NODE_ENV', 'https://user:pw@example.com', 'secret'],
  ['NODE_ENV', 'redis://example.com', 'secret'],
  ['NODE_ENV', 'd3b07384d113edec49eaa6238ad5ff00', 'secret'],
  ['DJANGO_SETTINGS_MODULE', 'shop.settings.production', 'plain'],
  ['LOG_LEVEL', 'info', 'plain'],
  ['LOG_LEVEL', '', 'plain'],
  ['FEATURE_X', 'true', 'plain'],
  ['MAX_ITEMS', '250', 'plain'],
  ['poolSize', '5', 'plain'],
  ['REQUEST_TIMEOUT', '30000', 'plain'],
  ['REQUEST_TIMEOUT', '300000', 'secret'],
  // Five digits are a PIN unless the name says otherwise.
  ['DOOR', '4711', 'secret'],
  ['PIN', '123456', 'secret'],
  ['PIN_LENGTH', '4', 'secret'],
  ['MAX_PASS', '4711', 'secret'],
  ['DBPASSWORD', 'off', 'secret'],
  ['DB_PASSWORD', '', 'secret'],
  ['BANNER', '', 'plain'],
  ['SECRET_KEY_BASE', 'abcdef', 'secret'],
  ['ANYTHING', 'else', 'secret'],
  ['MASKED', null, 'secret'],
  ['constructor', 'x', 'secret'],
])('%s=%s is %s', (name, value, expected) => {
  expect(classOf(name, value)?.class).toBe(expected);
});

test('an add-on owns what only it lists, and is named', () => {
  expect(classOf('DATABASE_URL')).toMatchObject({
    addon: 'addon-pg',
    rule: 'made by the attachment DATABASE',
    sharedWith: [],
  });
  expect(classOf('DATABASE_URL', 'x', { ...owners, attachments: [] })?.class).toBe('secret');
});

test('an add-on under another name: its variables begin with that', () => {
  const cache = addon('mc', app, ['MEMCACHIER_SERVERS', 'MEMCACHIER_PASSWORD']);
  const whose: Owners = {
    app: 'b',
    addons: [cache],
    attachments: [attached('MEMCACHIER', app, cache), attached('CACHE', other, cache)],
  };
  expect(classOf('CACHE_PASSWORD', 'x', whose)).toMatchObject({
    class: 'addon',
    rule: 'made by the attachment CACHE, as MEMCACHIER_PASSWORD in app',
    sharedWith: ['app'],
  });
  expect(classOf('CACHE_SERVERS', 'x', whose)?.class).toBe('addon');
  // It has such variables in the app that pays; here the name is free.
  expect(classOf('MEMCACHIER_PASSWORD', 'x', whose)?.class).toBe('secret');
  expect(classOf('CACHE_SIZE_HINT', 'x', whose)?.class).toBe('secret');
});

test('names that are no attachment’s are the same in every app', () => {
  const monitor = addon('nr', app, ['NEW_RELIC_LICENSE_KEY']);
  const whose: Owners = {
    app: 'b',
    addons: [monitor],
    attachments: [attached('NEWRELIC', app, monitor), attached('NEWRELIC', other, monitor)],
  };
  expect(classOf('NEW_RELIC_LICENSE_KEY', 'x', whose)?.class).toBe('addon');
});

test('a shared add-on, with a credential of its own, whose list the token cannot see', () => {
  const foreign = addon('far', other, []);
  const third = { id: 'c', name: 'third' };
  const whose: Owners = {
    app: 'a',
    addons: [],
    attachments: [
      attached('READER', app, foreign),
      attached('DATABASE', other, foreign),
      attached('DATABASE', third, foreign),
    ],
  };
  expect(classOf('READER_URL', 'x', whose)).toMatchObject({
    class: 'addon',
    addon: 'addon-far',
    sharedWith: ['other', 'third'],
  });
});

test("a user's own variable in an app that shares the add-on stays the user's", () => {
  const shared = addon('db', other, ['DATABASE_URL']);
  const whose: Owners = {
    app: 'a',
    addons: [shared],
    attachments: [attached('SHARED', app, shared), attached('DATABASE', other, shared)],
  };
  expect(classOf('DATABASE_URL', 'x', whose)?.class).toBe('secret');
  expect(classOf('SHARED_URL', 'x', whose)?.class).toBe('addon');
});

test.each([
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_DEBUG',
  'LD_LIBRARY_PATH',
  'GLIBC_TUNABLES',
  'BASH_ENV',
  'ENV',
  'PATH',
  'IFS',
  'PROMPT_COMMAND',
  'PS4',
  'SHELLOPTS',
  'POSIXLY_CORRECT',
  'BASH_FUNC_x',
  'dogwood_child',
])('%s comes with a warning', (name) => {
  expect(classOf(name)?.warnings).toHaveLength(1);
  expect(classOf(`${name}_X9`.replace(/^(?:LD|BASH_FUNC|dogwood)_/, 'X_'))?.warnings).toEqual([]);
});

test('names no shell can export and masked values are warned of', () => {
  for (const name of ['2FA_ISSUER', 'a-b', 'ä'])
    expect(classOf(name)?.warnings).toEqual([
      'no shell can export that name: it has to be handed over as a variable, not as a file',
    ]);
  expect(classOf('X', null)?.warnings).toEqual(['its value is masked: it has to be set by hand']);
});

test("a copy of an add-on's variable is told by its value, and the value is not", () => {
  const [, copy, short] = classifyVariables(
    { DATABASE_URL: 'postgres://hunter2', MY_DB: 'postgres://hunter2', OTHER: 'postgres' },
    owners,
  );
  expect(copy?.warnings).toEqual(['it is a copy of DATABASE_URL, which its add-on may change any time']);
  expect(short?.warnings).toEqual([]);
});

test('no value is in what comes back', () => {
  const config = {
    A: 'hunter2-a',
    PATH: 'hunter2-b',
    DATABASE_URL: 'hunter2-c',
    '2X': 'hunter2-d',
    COPY: 'hunter2-c',
    HEROKU_APP_NAME: 'hunter2-e',
    PORT: 'hunter2-f',
  };
  expect(JSON.stringify(classifyVariables(config, owners))).not.toContain('hunter2');
});
