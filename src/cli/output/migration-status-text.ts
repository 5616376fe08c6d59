import type { AppStatusEntry, StatusDocument } from '../../heroku-import/folder/status-document.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';

const STATES = ['planned', 'importing', 'imported', 'unchanged', 'skipped', 'failed'] as const;

/** Where a migration stands, for people: a line per app, totals, and what comes next. */
export function migrationStatusText({ apps, totals }: StatusDocument, folder: string): string {
  const rows = apps.map((app) => [app.app, app.status, versionOf(app), tellOf(app)].map(escapeControl));
  const states = STATES.filter((status) => totals[status] > 0).map((status) => `${totals[status]} ${status}`);
  return [
    ...formatTable([['app', 'status', 'release', 'where, or why not'], ...rows]),
    '',
    `${totals.apps} ${totals.apps === 1 ? 'app' : 'apps'}: ${states.join(', ') || 'none'}`,
    `  ${formatBytes(totals.slugBytesRead)} read from Heroku, ${formatBytes(totals.uploadedBytes)} sent, ${formatBytes(totals.skippedBytes)} there already`,
    ...nextOf({ totals }, escapeControl(folder)),
    '',
  ].join('\n');
}

const versionOf = ({ release }: AppStatusEntry): string => (release === null ? '' : `v${release}`);

function tellOf({ status, references, reason, notCarried }: AppStatusEntry): string {
  if (status !== 'imported' && status !== 'unchanged') return reason;
  const [first, ...others] = references.map(({ tag, reference }) => tag ?? reference);
  return [
    first ?? reason,
    ...(others.length > 0 ? [`and ${others.length} more`] : []),
    ...(notCarried.length > 0 ? [`(${notCarried.length} not carried)`] : []),
  ].join(' ');
}

function nextOf({ totals }: Pick<StatusDocument, 'totals'>, folder: string): readonly string[] {
  const left = totals.planned + totals.importing + totals.failed;
  const done = totals.imported + totals.unchanged;
  return [
    '',
    ...(left > 0 ? [`build heroku import ${folder} --to ... goes on with those that are left.`] : []),
    ...(done > 0 ? [`build heroku verify ${folder} compares what was imported with Heroku.`] : []),
    `build heroku report ${folder} -o report.html shows each app, what was not carried, and what to do.`,
  ];
}
