import { createHash } from 'node:crypto';
import { timeText } from './amounts.ts';
import { appSection } from './app-section.ts';
import { html, raw } from './html.ts';
import { appsTable, figures } from './overview.ts';
import type { ReportDocument } from './report-document.ts';
import { STYLE } from './style.ts';
import { attention, leftBehind, nextSteps } from './to-do.ts';

const RUNS: Readonly<Record<ReportDocument['run']['state'], string>> = {
  none: 'no import yet',
  running: 'an import is at work',
  interrupted: 'the last import was interrupted',
  finished: 'the last import came to its end',
};

/**
 * The report as one page: nothing is loaded from anywhere, no script is in it, and its own policy forbids both. It can be
 * printed, read aloud, and sent to somebody by mail.
 */
export function reportPage(report: ReportDocument): string {
  const { run, plan, totals } = report;
  const styleHash = createHash('sha256').update(STYLE).digest('base64');
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${raw(styleHash)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Leaving Heroku: ${totals.imported + totals.unchanged} of ${totals.apps} apps imported</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">To the report</a>
<header>
<h1>Leaving Heroku</h1>
<p class="soft">Plan of ${timeText(plan.createdAt)}, asked of ${plan.api}; ${RUNS[run.state]}${run.lastAt !== null && `, ${timeText(run.lastAt)}`}. Report made ${timeText(report.createdAt)} by Dogwood.</p>
<nav aria-label="Parts of the report"><a href="#apps">All apps</a> · <a href="#details">App by app</a></nav>
</header>
<main id="content">
${figures(report)}
${nextSteps(report)}
${attention(report)}
${leftBehind(report)}
${appsTable(report)}
<section aria-labelledby="details">
<h2 id="details">App by app</h2>
${report.apps.map(appSection)}
</section>
</main>
</body>
</html>
`.markup;
}
