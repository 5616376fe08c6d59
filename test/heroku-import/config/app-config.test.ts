import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppState } from '../../../src/heroku-import/account/app-state.ts';
import { configOf } from '../../../src/heroku-import/config/app-config.ts';
import { requireSecretsChoice } from '../../../src/heroku-import/config/secrets-choice.ts';
import { planApp } from '../../../src/heroku-import/plan/plan-app.ts';
import { appState, NO_ACCOUNT, withDatabase } from '../../helpers/heroku/app-state.ts';
import { idOf } from '../../helpers/heroku/ids.ts';

const ACCOUNT = withDatabase(NO_ACCOUNT);

const planOf = (state: AppState) => planApp(state, ACCOUNT);
const configured = (state: AppState, mode: 'encrypt' | 'no-secrets' = 'encrypt') =>
  configOf(state, planOf(state), mode);
const config = (variables: AppState['config'], different: Partial<AppState> = {}) =>
  configured(appState({ config: variables, ...different }));

const VARIABLES = {
  LOG_LEVEL: 'info',
  EMPTY: '',
  KEY: 'hunter2',
  PEM: '-----BEGIN-----\nx\n-----END-----\n',
  '2FA_ISSUER': 'x y',
  SHELL: '$HOME `id` "q" \\ \'s\' a=b',
  GREETING: 'Grüße, 世界 🌲',
  DATABASE_URL: 'postgres://hunter2',
  PORT: '1234',
  HOME: '/app',
  MASKED: null,
};

describe('what becomes of config vars', () => {
  test('each goes where it belongs, as it is', () => {
    const { env, secrets, external, notCarried } = config(VARIABLES);
    expect(env).toEqual({ LOG_LEVEL: 'info', EMPTY: '' });
    const { KEY, PEM, '2FA_ISSUER': issuer, SHELL, GREETING } = VARIABLES;
    expect(secrets).toEqual({ KEY, PEM, '2FA_ISSUER': issuer, SHELL, GREETING });
    expect(external).toEqual([{ name: 'DATABASE_URL', from: 'postgresql-shop' }]);
    expect(notCarried.map(({ what }) => what)).toEqual(['variable PORT', 'variable HOME', 'variable MASKED']);
  });

  test('with --no-secrets they are listed, and nowhere else', () => {
    const { env, secrets, external, notCarried } = configured(appState({ config: VARIABLES }), 'no-secrets');
    expect(env).toEqual({ LOG_LEVEL: 'info', EMPTY: '' });
    expect(secrets).toEqual({});
    expect(external).toHaveLength(1);
    expect(notCarried.map(({ what }) => what)).toEqual(
      ['KEY', 'PEM', '2FA_ISSUER', 'SHELL', 'GREETING', 'PORT', 'HOME', 'MASKED'].map(
        (name) => `variable ${name}`,
      ),
    );
  });

  test('one that came after the plan is a secret', () => {
    const plan = planOf(appState());
    expect(configOf(appState({ config: { LOG_LEVEL: 'info' } }), plan, 'encrypt')).toMatchObject({
      env: {},
      secrets: { LOG_LEVEL: 'info' },
    });
  });

  test('those that a shell or loader acts on go along exactly, with a warning', () => {
    const hostile = {
      LD_PRELOAD: '/app/x.so',
      BASH_ENV: '/app/.env.sh',
      PATH: '/app/bin:$PATH',
      IFS: ' \t\n',
      PROMPT_COMMAND: 'curl x',
    };
    const { secrets, warnings } = config(hostile);
    expect(secrets).toEqual(hostile);
    expect(warnings).toHaveLength(5);
    expect(warnings[0]).toBe('variable LD_PRELOAD: the loader puts that library into every process');
  });

  test('what no environment can hold is listed', () => {
    const { env, secrets, notCarried } = config({ 'A=B': 'x', '': 'y', NUL: 'a\0b' });
    expect([env, secrets]).toEqual([{}, {}]);
    expect(notCarried).toHaveLength(3);
  });

  test('every variable is in one place, whatever it is called and holds; a secret only among the secrets', () => {
    const name = fc.oneof(
      fc.stringMatching(/^\w{1,12}$/),
      fc.constantFrom(
        ...Object.keys(VARIABLES),
        'constructor',
        'toString',
        'HEROKU_APP_ID',
        'HEROKU_SLUG_COMMIT',
      ),
    );
    const value = fc.option(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('true', '', '7')), {
      freq: 8,
    });
    fc.assert(
      fc.property(
        fc.dictionary(name, value, { noNullPrototype: true }),
        fc.constantFrom('encrypt' as const, 'no-secrets' as const),
        (variables, mode) => {
          const state = appState({ config: variables });
          const plan = planOf(state);
          const result = configOf(state, plan, mode);
          const places = [
            ...Object.keys(result.env),
            ...Object.keys(result.secrets),
            ...result.external.map((one) => one.name),
            ...result.notCarried.map(({ what }) => what.slice('variable '.length)),
          ];
          expect(places.sort()).toEqual(Object.keys(variables).sort());
          for (const variable of plan.variables.filter((one) => one.class === 'secret'))
            expect(Object.hasOwn(result.env, variable.name)).toBe(false);
          for (const [key, text] of Object.entries(result.secrets)) expect(text).toBe(variables[key]);
        },
      ),
      { numRuns: 500, seed: 5 },
    );
  });

  test('no value is in what is shown', () => {
    const { notCarried, warnings, external } = config({
      ...VARIABLES,
      PORT: 'hunter2',
      HEROKU_APP_NAME: 'hunter2',
      LD_PRELOAD: 'hunter2',
      COPY: 'postgres://hunter2',
    });
    expect(JSON.stringify([notCarried, warnings, external])).not.toContain('hunter2');
  });
});

describe("Heroku's metadata", () => {
  test('is made of the release where the app has the feature', () => {
    expect(config({}).env).toEqual({});
    expect(config({}, { features: ['runtime-dyno-metadata'] }).env).toEqual({
      HEROKU_APP_ID: idOf('shop'),
      HEROKU_APP_NAME: 'shop',
      HEROKU_APP_DEFAULT_DOMAIN_NAME: 'shop-0123456789ab.herokuapp.com',
      HEROKU_RELEASE_CREATED_AT: '2026-01-02T03:04:05Z',
      HEROKU_RELEASE_VERSION: 'v42',
      HEROKU_SLUG_COMMIT: '1234abcd'.repeat(5),
      HEROKU_SLUG_DESCRIPTION: 'Deploy 1234abcd',
    });
    expect(config({}, { features: ['runtime-dyno-build-metadata'] }).env).toEqual({
      HEROKU_BUILD_COMMIT: '1234abcd'.repeat(5),
      HEROKU_BUILD_DESCRIPTION: 'Deploy 1234abcd',
    });
  });

  test('and where variables have such names; another value than the release’s is warned of', () => {
    const { env, secrets, warnings } = config({ HEROKU_APP_NAME: 'shop', HEROKU_RELEASE_VERSION: 'v1' });
    expect(env).toEqual({ HEROKU_APP_NAME: 'shop', HEROKU_RELEASE_VERSION: 'v42' });
    expect(secrets).toEqual({});
    expect(warnings).toEqual([
      "variable HEROKU_RELEASE_VERSION: its value at Heroku was another than the release's, which it has now",
    ]);
  });

  test('what there is nothing to make of is listed', () => {
    const { env, notCarried } = config({ HEROKU_SLUG_COMMIT: 'abc' }, { slug: undefined });
    expect(env).toEqual({});
    expect(notCarried.map(({ what }) => what)).toEqual(['variable HEROKU_SLUG_COMMIT']);
  });
});

describe('what a dyno measured', () => {
  const web = (size: string, different: Partial<AppState> = {}) =>
    config(different.config ?? {}, {
      formation: [{ type: 'web', command: 'x', quantity: 1, size }],
      ...different,
    }).processEnv.web;

  test.each([
    ['Eco', '512', '1'],
    ['standard-2x', '1024', '2'],
    ['Performance-M', '2560', '5'],
    ['Performance-L', '14336', '28'],
    // Of larger dynos each process gets more.
    ['Performance-XL', '63488', '31'],
  ])('nodejs on %s', (size, memory, workers) => {
    expect(web(size)).toEqual({ PORT: '8080', MEMORY_AVAILABLE: memory, WEB_CONCURRENCY: workers });
  });

  // As the buildpack's own script says.
  test.each([
    ['Eco', '512', '2'],
    ['Standard-2X', '1024', '4'],
    ['Performance-M', '2560', '5'],
    ['Performance-L', '14336', '17'],
  ])('python on %s', (size, memory, workers) => {
    expect(web(size, { buildpacks: ['heroku/python'] })).toEqual({
      PORT: '8080',
      DYNO_RAM: memory,
      WEB_CONCURRENCY: workers,
    });
  });

  test.each([
    [['heroku/nodejs', 'heroku/python'], '4'],
    [['heroku/python', 'heroku/nodejs'], '2'],
    [['https://github.com/heroku/heroku-buildpack-python.git#v300'], '4'],
    [['https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/python.tgz'], '4'],
    [['urn:buildpack:heroku/nodejs'], '2'],
    [['heroku/nodejs', 'https://github.com/x/heroku-buildpack-apt'], '2'],
    [['heroku/ruby'], undefined],
  ])('with %j the last one that measures decides', (buildpacks, workers) => {
    expect(web('Standard-2X', { buildpacks })?.WEB_CONCURRENCY).toBe(workers);
  });

  test('a buildpack that was found out by itself is known by what it calls itself', () => {
    const { slug } = appState();
    const called = (name: string) => slug && { ...slug, buildpack_provided_description: name };
    expect(web('Eco', { buildpacks: [], slug: called('Python') })?.WEB_CONCURRENCY).toBe('2');
    expect(web('Eco', { buildpacks: [], slug: called('Node.js') })?.WEB_CONCURRENCY).toBe('1');
    expect(web('Eco', { buildpacks: [], slug: called('Ruby/Rails') })).toEqual({ PORT: '8080' });
  });

  test('what the app sets itself stays', () => {
    expect(web('Standard-2X', { config: { WEB_CONCURRENCY: '9' } })).toEqual({
      PORT: '8080',
      MEMORY_AVAILABLE: '1024',
    });
    expect(web('Standard-2X', { config: { WEB_MEMORY: '256' } })?.WEB_CONCURRENCY).toBe('4');
    expect(web('Standard-2X', { config: { MEMORY_AVAILABLE: '2048' } })).toEqual({
      PORT: '8080',
      WEB_CONCURRENCY: '4',
    });
    expect(web('Standard-2X', { config: { WEB_MEMORY: '4096' } })?.WEB_CONCURRENCY).toBe('1');
    expect(web('Standard-2X', { config: { WEB_MEMORY: '0' } })?.WEB_CONCURRENCY).toBe('2');
    expect(web('Standard-2X', { config: { WEB_CONCURRENCY: '' } })?.WEB_CONCURRENCY).toBe('2');
  });

  test('for a size nobody knows, nothing is made up', () => {
    expect(web('Enormous')).toEqual({ PORT: '8080' });
  });

  test('only web processes have a port', () => {
    expect(config({}).processEnv.worker).not.toHaveProperty('PORT');
    expect(Object.keys(config({}).processEnv)).toEqual(['web', 'worker']);
  });
});

describe('who may read the secrets', () => {
  const plain = planOf(appState({ config: { LOG_LEVEL: 'info' } }));
  const secret = planOf(appState({ config: { KEY: 'abc' } }));
  const none = { recipients: [], noSecrets: false };

  test('nobody has to say where there are none', () => {
    expect(requireSecretsChoice([plain], none)).toBe('encrypt');
    expect(requireSecretsChoice([], none)).toBe('encrypt');
  });

  test('otherwise the import does not begin', () => {
    expect(() => requireSecretsChoice([plain, secret, secret], none)).toThrow(
      expect.objectContaining({
        code: 'SECRETS_UNDECIDED',
        message: 'there are secrets in shop and 1 more',
        kind: expect.objectContaining({ exitCode: 2 }),
      }),
    );
  });

  test('either answer is one, both are none', () => {
    expect(requireSecretsChoice([secret], { recipients: ['age1'], noSecrets: false })).toBe('encrypt');
    expect(requireSecretsChoice([secret], { recipients: [], noSecrets: true })).toBe('no-secrets');
    expect(() => requireSecretsChoice([secret], { recipients: ['age1'], noSecrets: true })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
