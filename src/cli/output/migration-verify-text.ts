import type { VerifyDocument } from '../../heroku-import/verify/verify-document.ts';
import { escapeControl } from './escape.ts';

/** What does not hold of each app, and how many there are of which kind. */
export function migrationVerifyText({ apps, totals }: VerifyDocument): string {
  const lines = apps.flatMap(({ app, status, checks }) => [
    `${app}: ${status}`,
    ...checks.filter(({ ok }) => !ok).map(({ name, detail }) => `  ${name}: ${detail}`),
  ]);
  const states = (['verified', 'drifted', 'failed'] as const)
    .filter((status) => totals[status] > 0)
    .map((status) => `${totals[status]} ${status}`);
  return [
    ...lines.map(escapeControl),
    '',
    `${totals.apps} ${totals.apps === 1 ? 'app' : 'apps'} of an import: ${states.join(', ') || 'none'}`,
    '',
  ].join('\n');
}
