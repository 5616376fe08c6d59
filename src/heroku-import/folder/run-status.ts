import { type AppRecord, type LastRun, type Migration, readMigration } from './read-migration.ts';
import { type AppStatusEntry, type StatusDocument, statusDocument, statusEntry } from './status-document.ts';

/**
 * `build heroku status`: where each app of a migration stands, from its folder alone; nothing at Heroku or in a registry
 * is asked.
 *
 * @throws what `readMigration` throws
 */
export async function runStatus(folder: string): Promise<StatusDocument> {
  return statusOf(await readMigration(folder));
}

export function statusOf({ apps, run }: Pick<Migration, 'apps' | 'run'>): StatusDocument {
  return statusDocument(apps.map((app) => entryOf(app, run)));
}

function entryOf({ plan, result, trouble, importingSince }: AppRecord, { state }: LastRun): AppStatusEntry {
  const known = result === undefined ? undefined : statusEntry(result);
  const nothing = {
    app: plan.app,
    release: plan.release,
    references: [],
    slugBytesRead: 0,
    notCarried: plan.notCarried,
  };
  if (importingSince !== undefined) {
    const reason =
      state === 'running'
        ? `an import has it in hand since ${importingSince}`
        : `an import that had it in hand since ${importingSince} was stopped: run it again`;
    return { ...nothing, ...known, status: 'importing', reason };
  }
  if (trouble !== undefined) {
    return { ...nothing, status: 'failed', reason: `${trouble}; an import looks at it anew` };
  }
  return known ?? { ...nothing, status: 'planned', reason: plan.reason };
}
