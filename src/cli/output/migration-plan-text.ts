import { join } from 'node:path';
import type { AppPlan, Fate, MigrationPlan } from '../../heroku-import/plan/plan-document.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { formatDuration, formatTable } from './format.ts';
import { indent } from './result-text.ts';

const FATES: Readonly<Record<Fate, string>> = {
  slug: 'slug to image, no rebuild',
  container: 'images copied',
  fir: 'reported only',
  nothing: 'nothing to import',
  closed: 'closed to this token',
};

/** A migration's plan for people: what becomes of each app, and what is left to do by hand. */
export function migrationPlanText(plan: MigrationPlan, folder: string): string {
  const { totals, forecast } = plan;
  const rows = plan.apps.map((app) =>
    [app.app, FATES[app.fate], sizeOf(app), leftOf(app)].map(escapeControl),
  );
  const counted = Object.entries(totals.byFate)
    .filter(([, count]) => count > 0)
    .map(([fate, count]) => `${count} ${FATES[fate as Fate]}`);
  return `${[
    ...formatTable([['app', 'becomes', 'slug', 'not carried, and warnings'], ...rows], [2]),
    '',
    `${totals.apps} ${totals.apps === 1 ? 'app' : 'apps'}: ${counted.join(', ')}`,
    ...[
      `${formatBytes(totals.slugBytes)} of slugs, ${totals.secrets} secrets`,
      `an import takes about ${forecast.calls} calls (${forecast.remaining} left now), ${formatDuration(forecast.milliseconds)} at least`,
    ].map(indent),
    '',
    `Plan ${escapeControl(join(folder, 'plan.json'))}`,
  ].join('\n')}\n`;
}

function sizeOf({ slug }: AppPlan): string {
  return slug?.size == null ? '' : formatBytes(slug.size);
}

function leftOf({ fate, reason, notCarried, warnings }: AppPlan): string {
  if (fate === 'nothing' || fate === 'closed' || fate === 'fir') return reason;
  const parts = [
    ...(notCarried.length > 0 ? [`${notCarried.length} not carried`] : []),
    ...(warnings.length > 0 ? [`${warnings.length} warning${warnings.length === 1 ? '' : 's'}`] : []),
  ];
  return parts.join(', ');
}
