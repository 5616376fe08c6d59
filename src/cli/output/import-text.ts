import type { StatusDocument } from '../../heroku-import/folder/status-document.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';

/** What an import did, in a few lines: what failed by name, and where to look further. */
export function importText({ apps, totals }: StatusDocument, folder: string): string {
  const failed = apps.filter(({ status }) => status === 'failed');
  const states = (['imported', 'unchanged', 'skipped', 'failed', 'planned'] as const)
    .filter((status) => totals[status] > 0)
    .map((status) => `${totals[status]} ${status}`);
  return [
    `${totals.apps} apps: ${states.join(', ')}`,
    `${formatBytes(totals.slugBytesRead)} read from Heroku, ${formatBytes(totals.uploadedBytes)} sent, ${formatBytes(totals.skippedBytes)} there already`,
    ...failed.map(({ app, reason }) => `  failed: ${app}: ${escapeControl(reason)}`),
    ...(failed.length > 0 ? ['Run the same command again: it tries those that failed.'] : []),
    `build heroku report ${folder} shows each app, what was not carried, and what to do.`,
    '',
  ].join('\n');
}
