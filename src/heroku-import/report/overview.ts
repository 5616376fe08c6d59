import { formatBytes } from '../../plan/format-bytes.ts';
import type { StatusDocument } from '../folder/status-document.ts';
import { counted } from './amounts.ts';
import { type Html, html } from './html.ts';
import type { AppReport, ReportDocument } from './report-document.ts';

type State = AppReport['status'];

const STATES: readonly State[] = ['imported', 'unchanged', 'skipped', 'planned', 'importing', 'failed'];

const MEANINGS: Readonly<Record<State, string>> = {
  imported: 'its image is in every registry, its documents are written',
  unchanged: 'as the import before left it: nothing had to move',
  skipped: 'there is nothing to import, or the token may not see it',
  planned: 'no import has looked at it yet',
  importing: 'an import has it in hand, or was stopped with it in hand',
  failed: 'it could not be imported: the reason is below, and the import can be run again',
};

export const statusText = (status: State): Html => html`<span class="status ${status}">${status}</span>`;

/** The figures of the whole, first thing on the page. */
export function figures({ totals }: ReportDocument): Html {
  const done = totals.imported + totals.unchanged;
  const figure = (name: string, value: string | number, more: string): Html =>
    html`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>
`;
  return html`<section aria-labelledby="glance">
<h2 id="glance">At a glance</h2>
<dl class="figures">
${figure('Apps imported', `${done} of ${totals.apps}`, totals.failed > 0 ? `${totals.failed} failed` : 'none failed')}
${figure('Images', totals.images, 'without a rebuild')}
${figure('Secrets carried', totals.secrets, 'sealed with age; no value is in this report')}
${figure('Left behind', totals.notCarried, `things to do by hand, and ${counted(totals.warnings, 'warning')}`)}
${figure('Read from Heroku', formatBytes(totals.slugBytesRead), `${formatBytes(totals.savedBytes)} did not have to be`)}
${figure('Sent to registries', formatBytes(totals.uploadedBytes), `${formatBytes(totals.skippedBytes)} were there already`)}
</dl>
${statesTable(totals)}
</section>
`;
}

function statesTable(totals: StatusDocument['totals']): Html {
  const present = STATES.filter((state) => totals[state] > 0);
  return html`${statesBar(totals)}
<div class="scroll"><table>
<caption>Apps by status</caption>
<thead><tr><th scope="col">Status</th><th scope="col" class="number">Apps</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${present.map(
  (state) =>
    html`<tr><th scope="row">${statusText(state)}</th><td class="number">${totals[state]}</td><td>${MEANINGS[state]}</td></tr>
`,
)}</tbody>
</table></div>`;
}

/** What the table says, to be seen from afar; for those who see. */
function statesBar(totals: StatusDocument['totals']): Html {
  let start = 0;
  const parts = STATES.map((state) => {
    const at = start;
    start += totals[state];
    return html`<rect class="fill-${state}" x="${at}" y="0" width="${totals[state]}" height="1"/>`;
  });
  return html`<svg class="bar" viewBox="0 0 ${Math.max(1, totals.apps)} 1" preserveAspectRatio="none" aria-hidden="true" focusable="false">${parts}</svg>`;
}

/** A line per app, each leading to its details. */
export function appsTable({ apps }: ReportDocument): Html {
  return html`<section aria-labelledby="apps">
<h2 id="apps">All apps</h2>
<div class="scroll"><table>
<caption>${counted(apps.length, 'app')} of the plan</caption>
<thead><tr><th scope="col">App</th><th scope="col">Status</th><th scope="col">Release</th><th scope="col" class="number">Images</th><th scope="col" class="number">Secrets</th><th scope="col" class="number">Left behind</th><th scope="col" class="number">Warnings</th></tr></thead>
<tbody>
${apps.map(
  (app) =>
    html`<tr><th scope="row"><a href="#app-${app.app}">${app.app}</a></th><td>${statusText(app.status)}</td><td>${app.release !== null && `v${app.release}`}</td><td class="number">${app.images.length}</td><td class="number">${app.variables.secrets.length}</td><td class="number">${app.notCarried.length}</td><td class="number">${app.warnings.length}</td></tr>
`,
)}</tbody>
</table></div>
</section>
`;
}
