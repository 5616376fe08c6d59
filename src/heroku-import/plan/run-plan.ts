import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import type { Selection } from '../account/account.ts';
import { openHeroku } from '../api/open.ts';
import { migrationPaths, openFolder, writeDocument } from '../folder/migration-folder.ts';
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
  const { emit } = environment;
  const heroku = openHeroku(options, environment);
  try {
    // Before the first call: an hour of asking must not end at a folder that cannot be written.
    await openFolder(options.folder);
    const plan = await planMigration({
      api: heroku.api,
      host: heroku.host,
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
    await writeDocument(migrationPaths(options.folder).plan, plan);
    return plan;
  } finally {
    heroku.close();
  }
}
