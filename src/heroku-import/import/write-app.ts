import { mkdir, rm } from 'node:fs/promises';
import { digestOf } from '../../oci/digest.ts';
import { readRollout } from '../../rollout/read.ts';
import { sealSecrets } from '../../rollout/secrets.ts';
import type { AppState } from '../account/app-state.ts';
import type { AppConfig } from '../config/app-config.ts';
import { versionOf } from '../config/fingerprints.ts';
import { dayAfter } from '../cut-over/day-after.ts';
import type { AppImage } from '../folder/app-result.ts';
import { migrationPaths, SECRETS_FILE, writeDocument, writeWhole } from '../folder/migration-folder.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import { rolloutOf } from './app-rollout.ts';
import type { ImportRun } from './import-run.ts';

export interface AppToWrite {
  readonly state: AppState;
  readonly now: AppPlan;
  readonly config: AppConfig;
  readonly images: readonly AppImage[];
  /** Of the secrets, by name. */
  readonly fingerprints: Readonly<Record<string, string>>;
}

/**
 * Writes an app's documents: the age file before the rollout that names its digest. `result.json` comes last, by whoever
 * knows how the import ended; until then an import begins again.
 */
export async function writeApp(
  { state, now, config, images, fingerprints }: AppToWrite,
  run: ImportRun,
): Promise<void> {
  const paths = migrationPaths(run.folder);
  const name = now.app;
  await mkdir(paths.app(name), { recursive: true, mode: 0o700 });
  const hasSecrets = run.recipients !== null && Object.keys(config.secrets).length > 0;
  const sealed = hasSecrets ? await sealSecrets(config.secrets, run.recipients ?? []) : undefined;
  if (sealed === undefined) await rm(paths.secrets(name), { force: true });
  else await writeWhole(paths.secrets(name), sealed);
  const rollout = rolloutOf({
    state,
    plan: now,
    images,
    config,
    versions: Object.fromEntries(Object.entries(fingerprints).map(([key, value]) => [key, versionOf(value)])),
    sealed: sealed === undefined ? null : { ref: SECRETS_FILE, digest: digestOf(sealed) },
    recipients: run.recipients ?? [],
    tenant: 'local',
    environment: run.account.lists.stages.get(state.app.id)?.stage ?? 'production',
    now: run.now(),
    previous: await readRollout(paths.rollout(name)),
  });
  await writeDocument(paths.rollout(name), rollout);
  const [image] = images;
  const user = images.length === 1 ? (image?.user ?? null) : null;
  await writeWhole(paths.project(name), dayAfter({ state, plan: now, user }));
}
