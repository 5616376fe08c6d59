import { expect, test } from 'vitest';
import { classifyVariables, type Owners } from '../../src/heroku-import/config-vars.ts';

const app = { id: 'a', name: 'app' };
const owners: Owners = {
  addons: [
    {
      id: 'pg',
      name: 'postgresql-round-1',
      app,
      addon_service: { id: 's', name: 'heroku-postgresql' },
      plan: { id: 'p', name: 'heroku-postgresql:essential-0' },
      config_vars: ['HEROKU_POSTGRESQL_RED_URL', 'DATABASE_CONNECTION_POOL_URL'],
    },
  ],
  attachments: [{ id: 'at', name: 'DATABASE', app, addon: { id: 'pg', name: 'postgresql-round-1', app } }],
};

const classOf = (name: string, value: string | null = 'some value') =>
  classifyVariables({ [name]: value }, owners)[0];

test.each([
  ['DATABASE_URL', 'postgres://x', 'addon'],
  ['HEROKU_POSTGRESQL_RED_URL', 'postgres://x', 'addon'],
  ['DATABASE_CONNECTION_POOL_URL', 'postgres://x', 'addon'],
  ['OTHER_DATABASE_URL', 'postgres://x', 'secret'],
  ['HEROKU_APP_NAME', 'app', 'heroku'],
  ['HEROKU_SLUG_COMMIT', 'abc', 'heroku'],
  ['HEROKU_API_KEY', 'abc', 'secret'],
  ['PORT', '5000', 'runtime'],
  ['NODE_ENV', 'production', 'plain'],
  ['NODE_ENV', 'https://user:pw@example.com', 'secret'],
  ['LOG_LEVEL', 'info', 'plain'],
  ['FEATURE_X', 'true', 'plain'],
  ['MAX_ITEMS', '250', 'plain'],
  ['PIN', '123456', 'secret'],
  ['SECRET_KEY_BASE', 'abcdef', 'secret'],
  ['ANYTHING', 'else', 'secret'],
  ['MASKED', null, 'secret'],
])('%s=%s is %s', (name, value, expected) => {
  expect(classOf(name, value)?.class).toBe(expected);
});

test('an add-on owns what only it lists, and is named', () => {
  expect(classOf('DATABASE_URL')?.addon).toBe('postgresql-round-1');
  expect(classOf('DATABASE_URL')?.rule).toBe('made by the attachment DATABASE');
  expect(classifyVariables({ DATABASE_URL: 'x' }, { ...owners, attachments: [] })[0]?.class).toBe('secret');
});

test.each(['LD_PRELOAD', 'BASH_ENV', 'PATH', 'LD_LIBRARY_PATH', 'IFS'])('%s comes with a warning', (name) => {
  expect(classOf(name)?.warnings).toHaveLength(1);
});

test('a leading digit and a masked value are warned of', () => {
  expect(classOf('2FA_ISSUER')?.warnings).toEqual([
    'no shell can export that name; programs get it all the same',
  ]);
  expect(classOf('X', null)?.warnings).toEqual(['its value is masked: it has to be set by hand']);
});

test('no value is in what comes back', () => {
  const config = { A: 'hunter2-a', PATH: 'hunter2-b', DATABASE_URL: 'hunter2-c', '2X': 'hunter2-d' };
  expect(JSON.stringify(classifyVariables(config, owners))).not.toContain('hunter2');
});
