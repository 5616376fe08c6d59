import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppState } from '../../../src/heroku-import/account/app-state.ts';
import { configOf } from '../../../src/heroku-import/config/app-config.ts';
import type { AppImage } from '../../../src/heroku-import/folder/app-result.ts';
import { type RolloutParts, rolloutOf } from '../../../src/heroku-import/import/app-rollout.ts';
import { planApp } from '../../../src/heroku-import/plan/plan-app.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { rolloutDocument } from '../../../src/rollout/document.ts';
import { ulidOf } from '../../../src/rollout/ulid.ts';
import { appState, NO_ACCOUNT } from '../../helpers/heroku/app-state.ts';
import { SECRET_MARK } from '../../helpers/heroku/make-world.ts';

const reference = (region: string | null, state: 'available' | 'failed' = 'available') => ({
  region,
  state,
  reference: `${region ?? 'registry'}.example/shop@${digestOf('image')}`,
  tag: `${region ?? 'registry'}.example/shop:v42`,
  uploadedBytes: 1,
  skippedBytes: 0,
  milliseconds: 1,
  error: null,
});

const image = (different: Partial<AppImage> = {}): AppImage => ({
  process: null,
  digest: digestOf('image'),
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 500,
  user: '1000:1000',
  processes: { web: 'node server.js' },
  references: [reference('fra'), reference('iad')],
  ...different,
});

function parts(state: AppState, different: Partial<RolloutParts> = {}): RolloutParts {
  const plan = planApp(state, NO_ACCOUNT);
  const config = configOf(state, plan, 'encrypt');
  return {
    state,
    plan,
    images: [image()],
    config,
    versions: Object.fromEntries(Object.keys(config.secrets).map((name) => [name, `version of ${name}`])),
    sealed:
      Object.keys(config.secrets).length === 0 ? null : { ref: 'secrets.age', digest: digestOf('sealed') },
    recipients: [],
    tenant: 'default',
    environment: 'production',
    now: new Date('2026-02-03T04:05:06Z'),
    ...different,
  };
}

test('the plain case, whole', () => {
  const rollout = rolloutOf(parts(appState({ config: { LOG_LEVEL: 'info', KEY: 'abc' } })));
  expect(rolloutDocument.parse(JSON.parse(JSON.stringify(rollout)))).toEqual(rollout);
  expect(rollout).toMatchObject({
    schemaVersion: 1,
    identity: {
      id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      revision: 1,
      app: 'shop',
      tenant: 'default',
      environment: 'production',
      release: 42,
      supersedes: null,
      createdAt: '2026-02-03T04:05:06.000Z',
    },
    image: {
      digest: digestOf('image'),
      platforms: [{ os: 'linux', architecture: 'amd64' }],
      locations: [
        { region: 'fra', state: 'available' },
        { region: 'iad', state: 'available' },
      ],
    },
    services: [{ process: 'web', protocol: 'tcp', internalPort: 8080, exposure: 'public' }],
    release: { command: 'migrate', timeout: 3600 },
    oneOff: { console: { args: ['console'] } },
    config: {
      env: { LOG_LEVEL: 'info' },
      secrets: [{ name: 'KEY', ref: 'secrets.age', version: 'version of KEY' }],
      ciphertext: { ref: 'secrets.age', digest: digestOf('sealed') },
      external: [],
    },
    regions: { placements: ['fra', 'iad'], primary: 'fra' },
  });
  expect(rollout.processes).toEqual({
    web: {
      args: ['web'],
      user: '1000:1000',
      replicas: 2,
      resources: { cpu: 1, memory: 1024 },
      restart: 'always',
      stop: { signal: 'SIGTERM', timeout: 30 },
      env: { PORT: '8080', MEMORY_AVAILABLE: '1024', WEB_CONCURRENCY: '2' },
    },
    worker: {
      args: ['worker'],
      user: '1000:1000',
      replicas: 0,
      resources: { cpu: 2, memory: 2560 },
      restart: 'always',
      stop: { signal: 'SIGTERM', timeout: 30 },
      env: { MEMORY_AVAILABLE: '2560', WEB_CONCURRENCY: '5' },
    },
  });
});

describe('on the container stack', () => {
  const container = appState({
    app: { ...appState().app, stack: { id: 'c', name: 'container' } },
    slug: undefined,
    buildpacks: [],
    formation: [
      { type: 'worker', command: 'node worker.js', quantity: 1, size: 'Basic' },
      { type: 'web', command: 'node server.js', quantity: 1, size: 'Basic' },
      { type: 'release', command: 'migrate', quantity: 0, size: 'Basic' },
    ],
  });
  const images = ['worker', 'web', 'release'].map((process) =>
    image({
      process,
      digest: digestOf(process),
      user: process === 'web' ? 'node' : '0',
      platforms: [{ os: 'linux', architecture: 'arm64', variant: 'v8' }],
    }),
  );

  test('each process has its image, which starts by itself; the one that answers is the image of all', () => {
    const rollout = rolloutOf(parts(container, { images }));
    expect(rollout.image.digest).toBe(digestOf('web'));
    expect(rollout.image.platforms).toEqual([{ os: 'linux', architecture: 'arm64', variant: 'v8' }]);
    expect(rollout.processes.web?.image?.digest).toBe(digestOf('web'));
    expect(rollout.processes.worker?.image?.digest).toBe(digestOf('worker'));
    for (const process of Object.values(rollout.processes)) {
      expect(process).not.toHaveProperty('args');
      expect(process).not.toHaveProperty('command');
    }
    expect(rollout.release).toMatchObject({ command: 'migrate', image: { digest: digestOf('release') } });
    // A name means something in its image only.
    expect(rollout.processes.web).not.toHaveProperty('user');
    expect(rollout.processes.worker?.user).toBe('0');
    expect(rollout.processes.web?.env).toEqual({ PORT: '8080' });
  });

  test('without a web process the first is the image of all, and there is no service', () => {
    const state = { ...container, formation: container.formation.filter(({ type }) => type !== 'web') };
    const rollout = rolloutOf(parts(state, { images: images.filter(({ process }) => process !== 'web') }));
    expect(rollout.image.digest).toBe(digestOf('worker'));
    expect(rollout.services).toEqual([]);
  });
});

test('regions: where it is, where it could not be brought, and a registry without one', () => {
  const rollout = rolloutOf(
    parts(appState(), { images: [image({ references: [reference('fra'), reference('iad', 'failed')] })] }),
  );
  expect(rollout.image.locations.map(({ state }) => state)).toEqual(['available', 'failed']);
  expect(rollout.regions).toEqual({ placements: ['fra', 'iad'], primary: 'fra' });
  const alone = rolloutOf(parts(appState(), { images: [image({ references: [reference(null)] })] }));
  expect(alone.image.locations).toHaveLength(1);
  expect(alone.regions).toEqual({ placements: [], primary: null });
});

describe('which document it is', () => {
  const state = appState({ config: { KEY: 'abc' } });
  const first = rolloutOf(parts(state));
  const later = {
    now: new Date('2027-01-01T00:00:00Z'),
    sealed: { ref: 'secrets.age', digest: digestOf('2') },
  };

  test('the same state is the same one, whenever it is imported and however it was sealed', () => {
    const again = rolloutOf(parts(state, later));
    expect(again.identity).toEqual({ ...first.identity, createdAt: '2027-01-01T00:00:00.000Z' });
    expect(rolloutOf(parts(state, { ...later, previous: first })).identity).toEqual(first.identity);
    // The first ten letters are the release's time.
    expect(first.identity.id.slice(0, 10)).toBe(ulidOf(Date.parse('2026-01-02T03:04:05Z'), '').slice(0, 10));
  });

  test.each<[string, Partial<RolloutParts>]>([
    ['a release', { state: { ...state, release: state.release && { ...state.release, version: 43 } } }],
    ['a formation', { state: { ...state, formation: state.formation.slice(1) } }],
    ['a plain variable', { state: { ...state, config: { ...state.config, LOG_LEVEL: 'info' } } }],
    ['a secret', { versions: { KEY: 'another' } }],
    ['an image', { images: [image({ digest: digestOf('other') })] }],
    ['a recipient', { recipients: ['age1x'] }],
    ['a tenant', { tenant: 'other' }],
    ['an environment', { environment: 'staging' }],
  ])('%s makes another one, which takes its place', (_, { state: changed = state, ...different }) => {
    const next = rolloutOf(parts(changed, { ...different, previous: first }));
    expect(next.identity.id).not.toBe(first.identity.id);
    expect(next.identity.idempotencyKey).not.toBe(first.identity.idempotencyKey);
    expect(next.identity).toMatchObject({ revision: 1, supersedes: first.identity.id });
    // And nothing of it depends on what was there before.
    const { supersedes: _supersedes, ...identity } = next.identity;
    expect(rolloutOf(parts(changed, different)).identity).toMatchObject(identity);
  });

  test('a region more is a revision of the same', () => {
    const images = [image({ references: [reference('fra'), reference('iad'), reference('sin')] })];
    const next = rolloutOf(parts(state, { ...later, images, previous: first }));
    expect(next.identity).toEqual({
      ...first.identity,
      revision: 2,
      idempotencyKey: expect.not.stringMatching(first.identity.idempotencyKey),
    });
    const third = rolloutOf(parts(state, { ...later, images, previous: next }));
    expect(third.identity).toEqual(next.identity);
  });
});

test('whatever the variables are, the document is one, reads back the same, and holds no secret', () => {
  const name = fc.oneof(fc.stringMatching(/^\w{1,12}$/), fc.constantFrom('constructor', 'toString', '007'));
  // Half of a surrogate pair too: JSON keeps it.
  const unit = fc.integer({ min: 1, max: 0xffff }).map((code) => String.fromCharCode(code));
  const value = fc.oneof(fc.string({ unit }), fc.constantFrom('', 'true', 'a\nb\n'));
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (variables) => {
      const marked = { ...variables, MARKED: SECRET_MARK };
      const made = parts(appState({ config: marked }));
      const text = JSON.stringify(rolloutOf(made));
      expect(rolloutDocument.parse(JSON.parse(text))).toEqual(rolloutOf(made));
      expect(text).not.toContain(SECRET_MARK);
      const { config } = rolloutDocument.parse(JSON.parse(text));
      expect(config.env).toEqual(made.config.env);
      expect(config.secrets.map((one) => one.name)).toEqual(Object.keys(made.config.secrets).sort());
    }),
    { numRuns: 300, seed: 9 },
  );
});

test('a secret without a version is a fault of ours', () => {
  expect(() => rolloutOf(parts(appState({ config: { KEY: 'abc' } }), { versions: {} }))).toThrow(
    expect.objectContaining({ code: 'INTERNAL' }),
  );
});
