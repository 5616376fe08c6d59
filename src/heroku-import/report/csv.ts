import { escapeControl } from '../../plan/visible.ts';
import type { AppReport, ReportDocument } from './report-document.ts';

type Column = readonly [title: string, cell: (app: AppReport) => string | number | null];

const sum = (numbers: readonly (number | null)[]): number =>
  numbers.reduce<number>((all, one) => all + (one ?? 0), 0);
const list = (items: readonly string[]): string => items.join('; ');

const COLUMNS: readonly Column[] = [
  ['app', ({ app }) => app],
  ['status', ({ status }) => status],
  ['reason', ({ reason }) => reason],
  ['error code', ({ code }) => code],
  ['release', ({ release }) => (release === null ? null : `v${release}`)],
  ['team', ({ team }) => team],
  ['region', ({ region }) => region],
  ['stack', ({ stack }) => stack],
  ['image digests', ({ images }) => list(images.map(({ digest }) => digest))],
  [
    'references',
    ({ references }) => list(references.map(({ tag, reference, state }) => `${tag ?? reference} ${state}`)),
  ],
  ['processes', ({ processes }) => list(processes.map(({ name, command }) => `${name}: ${command ?? ''}`))],
  ['secrets', ({ variables }) => variables.secrets.length],
  ['bytes read from Heroku', ({ slugBytesRead }) => slugBytesRead],
  ['bytes sent', ({ references }) => sum(references.map(({ uploadedBytes }) => uploadedBytes))],
  ['bytes there already', ({ references }) => sum(references.map(({ skippedBytes }) => skippedBytes))],
  ['not carried', ({ notCarried }) => list(notCarried.map(({ what }) => what))],
  ['what to do', ({ notCarried }) => list([...new Set(notCarried.map(({ next }) => next))])],
  ['warnings', ({ warnings }) => list(warnings)],
  ['drift', ({ drift }) => list(drift)],
  ['cut-over', ({ cutOver }) => list(cutOver.map(({ what }) => what))],
  ['finished at', ({ finishedAt }) => finishedAt],
];

/** A row per app, under a row of titles (RFC 4180): UTF-8, lines end with CR LF, every text is quoted. */
export function reportCsv({ apps }: ReportDocument): string {
  const rows = [
    COLUMNS.map(([title]) => field(title)),
    ...apps.map((app) => COLUMNS.map(([, cell]) => field(cell(app)))),
  ];
  return rows.map((row) => `${row.join(',')}\r\n`).join('');
}

/**
 * A program that opens the file takes what begins like this for a formula, and may act on it (OWASP, "CSV Injection"),
 * the full-width forms too. An apostrophe in front of it makes it text.
 */
const FORMULA = /^\s*[=+\-@\t\r\n＝＋－＠]/;

function field(value: string | number | null): string {
  if (value === null) return '""';
  if (typeof value === 'number') return String(value);
  const text = escapeControl(FORMULA.test(value) ? `'${value}` : value);
  return `"${text.replaceAll('"', '""')}"`;
}
