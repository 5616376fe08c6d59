import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../errors.ts';
import { createHttpClient } from '../net/http.ts';
import type { PipelineEnvironment } from '../pipeline/session/environment.ts';
import { DEFAULT_RETRY } from '../registry/http/retry.ts';
import type { Selection } from './account.ts';
import { herokuAddress } from './api/address.ts';
import { createHerokuApi } from './api/client.ts';
import { writeDocument } from './migration-folder.ts';
import { planMigration } from './plan.ts';
import type { MigrationPlan } from './plan-document.ts';

export interface RunPlanOptions {
  /** The migration's folder; made, with everything above it. */
  readonly folder: string;
  readonly selection: Selection;
  /** `--heroku-api`; undefined is Heroku's own. */
  readonly address: string | undefined;
  readonly token: string;
  readonly now: () => Date;
}

/**
 * `build heroku plan`: asks the account what it has and writes DIR/plan.json, whole or not at all.
 *
 * @throws HEROKU_*, USAGE, MIGRATION_FOLDER_UNUSABLE
 */
export async function runPlan(
  options: RunPlanOptions,
  environment: PipelineEnvironment,
): Promise<MigrationPlan> {
  const { emit, signal, network } = environment;
  const address = herokuAddress(options.address);
  // Before the first call: an hour of asking must not end at a folder that cannot be written.
  await openFolder(options.folder);
  const http = createHttpClient({ network });
  try {
    const api = createHerokuApi({
      http,
      address,
      token: options.token,
      retry: DEFAULT_RETRY,
      signal,
      onWait: (milliseconds) =>
        emit({
          type: 'note',
          step: 'plan',
          message: `the account has used up its calls; waiting ${Math.ceil(milliseconds / 1000)} s for more`,
        }),
      onWarning: (message) => emit({ type: 'warning', code: 'HEROKU_WARNING', message }),
    });
    const plan = await planMigration({
      api,
      host: address.host,
      selection: options.selection,
      now: options.now,
      onApp: ({ app }, done, total) =>
        emit({
          type: 'task',
          step: 'plan',
          id: app,
          name: `${app} (${done} of ${total})`,
          state: 'finished',
          milliseconds: null,
        }),
    });
    await writeDocument(join(options.folder, 'plan.json'), plan);
    return plan;
  } finally {
    http.close();
  }
}

async function openFolder(folder: string): Promise<void> {
  try {
    // What comes here later (secrets' ciphertext, their fingerprints' key) is nobody else's business.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await readdir(folder);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new DogwoodError('MIGRATION_FOLDER_UNUSABLE', `${folder} cannot be used (${code})`, { cause });
  }
}
