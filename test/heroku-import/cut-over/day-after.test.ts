import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dayAfter } from '../../../src/heroku-import/cut-over/day-after.ts';
import { planApp } from '../../../src/heroku-import/plan/plan-app.ts';
import { readProjectFiles } from '../../../src/plan/files/read-project.ts';
import { appState, NO_ACCOUNT } from '../../helpers/heroku/app-state.ts';
import { buildRequest } from '../../helpers/pipeline.ts';

type State = ReturnType<typeof appState>;

const textOf = (different: Partial<State> = {}, user: string | null = '20001:20001') => {
  const state = appState(different);
  return dayAfter({ state, plan: planApp(state, NO_ACCOUNT), user });
};

/** As `build .` reads it. */
const readBack = async (text: string) =>
  await readProjectFiles(
    async (path) => (path === 'dogwood.toml' ? Buffer.from(text).toString('utf8') : undefined),
    buildRequest('.'),
  );

const onStack = (stack: string): Partial<State> => {
  const { app, slug } = appState();
  return {
    app: { ...app, stack: { id: stack, name: stack } },
    slug: slug && { ...slug, stack: { id: stack, name: stack } },
  };
};

test('an app with a slug is built by what continues its buildpacks, and runs as it ran', async () => {
  const project = await readBack(textOf({ config: { LOG_LEVEL: 'x', '2FA': 'y' } }));
  expect(project).toMatchObject({
    strategy: { value: 'buildpacks' },
    builder: { value: 'heroku/builder:24' },
    buildpacks: [{ value: 'heroku/nodejs' }],
    user: { value: '20001:20001' },
    stack: { value: 'heroku-24' },
    release: { value: { command: 'migrate', timeout: 3600 } },
    env: [{ value: 'LOG_LEVEL' }],
    services: [{ value: { process: 'web', internalPort: 8080, exposure: 'public' } }],
  });
  const values = (record: Readonly<Record<string, { readonly value: unknown }>>) =>
    Object.fromEntries(Object.entries(record).map(([name, { value }]) => [name, value]));
  expect(values(project.processes)).toEqual({
    web: 'node server.js',
    worker: 'node worker.js',
    console: 'node',
  });
  expect(values(project.replicas)).toEqual({ web: 2, worker: 0, console: 0 });
});

test.each([
  ['heroku-26', 'heroku/builder:26', false],
  ['heroku-22', 'heroku/builder:22', false],
  ['heroku-20', 'heroku/builder:22', true],
  ['cedar-14', 'heroku/builder:22', true],
  ['heroku-28', 'heroku/builder:26', true],
])('%s is built by %s', async (stack, builder, said) => {
  const text = textOf(onStack(stack));
  expect((await readBack(text)).builder?.value).toBe(builder);
  expect(text.includes(`no builder for ${stack}`)).toBe(said);
});

test('what continues no buildpack is said, with what to do, and without a password', async () => {
  const text = textOf({
    buildpacks: [
      'heroku-community/apt',
      'https://github.com/heroku/heroku-buildpack-ruby.git#v1',
      'https://user:hunter2@github.com/jonathanong/heroku-buildpack-ffmpeg-latest?token=hunter2',
      'urn:buildpack:heroku/pgbouncer',
      'https://example.com/own.tgz',
      'heroku/procfile',
    ],
  });
  const project = await readBack(text);
  expect(project.buildpacks.map(({ value }) => value)).toEqual(['heroku/deb-packages', 'heroku/ruby']);
  const said = text.replaceAll('\n# ', ' ');
  expect(said).toContain('com.heroku.buildpacks.deb-packages');
  expect(said).toContain('jonathanong/heroku-buildpack-ffmpeg-latest: install it with heroku/deb-packages');
  expect(said).toContain('heroku/pgbouncer: run PgBouncer beside the database');
  expect(said).toContain('example.com/own: look for a Cloud Native buildpack');
  expect(text).not.toContain('hunter2');
});

test('an app without buildpacks leaves the choice to the builder', async () => {
  const text = textOf({ buildpacks: [] });
  expect((await readBack(text)).buildpacks).toEqual([]);
  expect(text).toContain('Check: no buildpacks are named here');
});

test('commands that name the folder of a dyno are to be looked at', () => {
  const slug = appState().slug;
  const commands = { web: '/app/bin/web', worker: 'cd /app && run', other: 'bin/app/x ~/app ./app/y' };
  const text = textOf({ slug: slug && { ...slug, process_types: commands } });
  expect(text).toContain(
    '# Check: the app will lie in /workspace, and the commands of web, worker say /app.',
  );
});

test('a container app is built by its Dockerfile', async () => {
  const { app } = appState();
  const text = textOf({ app: { ...app, stack: { id: 'c', name: 'container' } }, slug: undefined });
  const project = await readBack(text);
  expect(project.strategy?.value).toBe('dockerfile');
  expect(project.user).toBeUndefined();
  expect(text).toContain('heroku.yml');
});

const command = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.string({ minLength: 1 }),
    fc.constantFrom(
      '"""',
      "'''",
      'a\\',
      '\\u0041',
      'a\r\nb',
      '# x',
      'x\ufffd',
      '\u0000\u007f',
      '${A:-"b"} && c',
    ),
  )
  .filter((value) => value.isWellFormed());
const name = fc.stringMatching(/^[-\w]{1,40}$/).filter((value) => value !== '__proto__');

test('whatever the commands, names and buildpacks are, they come back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(name, command, { minKeys: 1, maxKeys: 5 }),
      fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
      fc.dictionary(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('secret-value'), { maxKeys: 3 }),
      async (types, buildpacks, config) => {
        const { slug } = appState();
        const text = textOf({
          formation: [],
          slug: slug && { ...slug, process_types: types },
          buildpacks,
          config,
        });
        const project = await readBack(text);
        const { release, ...others } = types;
        const back = Object.entries(project.processes).map(([type, { value }]) => [type, value]);
        expect(Object.fromEntries(back)).toEqual(others);
        expect(project.release?.value.command).toBe(release);
        expect(text).not.toContain('secret-value');
      },
    ),
  );
});
