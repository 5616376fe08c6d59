import { expect, test } from 'vitest';
import { configOf } from '../../src/heroku-import/app-config.ts';
import type { AppImage } from '../../src/heroku-import/app-result.ts';
import { type RolloutParts, rolloutOf } from '../../src/heroku-import/app-rollout.ts';
import type { AppState } from '../../src/heroku-import/app-state.ts';
import { planApp } from '../../src/heroku-import/plan-app.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { rolloutDocument } from '../../src/rollout/document.ts';
import { appState, NO_ACCOUNT } from '../helpers/heroku/app-state.ts';

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
