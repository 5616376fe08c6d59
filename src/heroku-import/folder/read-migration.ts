import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import { tryLock } from '../../oci/stores/file-lock.ts';
import type { AppPlan, MigrationPlan } from '../plan/plan-document.ts';
import { readPlan } from '../plan/read-plan.ts';
import { type AppResultFile, lookAtAppResult } from './app-result.ts';
import { type JournalEntry, lastImport, readJournal } from './journal.ts';
import { migrationPaths } from './migration-folder.ts';

/** How the last import into a folder is doing. */
export interface LastRun {
  /** `none` where there was no import; `interrupted` when it neither is at work nor came to its end. */
  readonly state: 'none' | 'running' | 'interrupted' | 'finished';
  /** When it began and when it last wrote, RFC 3339. */
  readonly startedAt: string | null;
  readonly lastAt: string | null;
  /** Apps it has begun and is not done with, and since when. */
  readonly importing: ReadonlyMap<string, string>;
}

/** What is known of one app of a plan. */
export interface AppRecord extends AppResultFile {
  readonly plan: AppPlan;
  /** RFC 3339, while an import has it in hand, or was stopped with it in hand. */
  readonly importingSince?: string | undefined;
}

export interface Migration {
  readonly folder: string;
  readonly plan: MigrationPlan;
  readonly run: LastRun;
  /** In the plan's order. */
  readonly apps: readonly AppRecord[];
}

/** Files that are open at once. */
const FILES_AT_ONCE = 16;

/**
 * What a migration's folder says, read without changing it. May be called while an import is at work there.
 *
 * @throws MIGRATION_PLAN_MISSING, MIGRATION_PLAN_INVALID, MIGRATION_FOLDER_UNUSABLE
 */
export async function readMigration(folder: string): Promise<Migration> {
  const plan = await readPlan(folder);
  const paths = migrationPaths(folder);
  // Before the journal: an import that ends in between is then told as interrupted, never as at work.
  const atWork = isAtWork(paths.lock);
  const run = lastRun(await readJournal(paths.journal), atWork);
  const limit = pLimit(FILES_AT_ONCE);
  const apps = await Promise.all(
    plan.apps.map((app) =>
      limit(
        async (): Promise<AppRecord> => ({
          plan: app,
          ...(await lookAtAppResult(paths.result(app.app))),
          importingSince: run.importing.get(app.app),
        }),
      ),
    ),
  );
  return { folder, plan, run, apps };
}

/** The last import as its journal tells it. */
export function lastRun(entries: readonly JournalEntry[], atWork: boolean): LastRun {
  const last = lastImport(entries);
  if (last === undefined) return { state: 'none', startedAt: null, lastAt: null, importing: new Map() };
  const { isFinished } = last;
  const importing = new Map<string, string>();
  for (const { event, app, at } of last.entries) {
    if (app === undefined) continue;
    if (event === 'app-started') importing.set(app, at);
    else importing.delete(app);
  }
  return {
    state: isFinished ? 'finished' : atWork ? 'running' : 'interrupted',
    startedAt: last.since,
    lastAt: last.entries.at(-1)?.at ?? null,
    importing: isFinished ? new Map() : importing,
  };
}

/** Does an import hold the folder's lock? Nothing is made to find out; who may not lock there cannot tell. */
function isAtWork(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    const lock = tryLock(path);
    lock?.release();
    return lock === undefined;
  } catch {
    return false;
  }
}
