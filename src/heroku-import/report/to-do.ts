import { counted } from './amounts.ts';
import { type Html, html } from './html.ts';
import { statusText } from './overview.ts';
import type { AppReport, ReportDocument } from './report-document.ts';

const appLink = ({ app }: AppReport): Html => html`<a href="#app-${app}">${app}</a>`;

/** What is not as it should be, or changed on the way; nothing where all is well. */
export function attention({ apps }: ReportDocument): Html {
  const stuck = apps.filter(({ status }) => status !== 'imported' && status !== 'unchanged');
  const drifted = apps.filter(({ drift }) => drift.length > 0);
  if (stuck.length + drifted.length === 0) return html``;
  return html`<section aria-labelledby="attention">
<h2 id="attention">Needs a look</h2>
<div class="scroll"><table>
<caption>Apps that are not imported, and apps that changed since the plan</caption>
<thead><tr><th scope="col">App</th><th scope="col">Status</th><th scope="col">Why</th></tr></thead>
<tbody>
${stuck.map(
  (app) =>
    html`<tr><th scope="row">${appLink(app)}</th><td>${statusText(app.status)}</td><td>${app.reason}${app.code !== null && html` <code>${app.code}</code>`}</td></tr>
`,
)}${drifted.map(
  (app) =>
    html`<tr><th scope="row">${appLink(app)}</th><td><span class="status drift">changed</span></td><td>${app.drift.join('; ')}</td></tr>
`,
)}</tbody>
</table></div>
</section>
`;
}

/** Most of what was left behind asks for the same few things: here they are, with how many each. */
export function leftBehind({ apps }: ReportDocument): Html {
  const groups = new Map<string, { readonly app: AppReport; readonly what: string }[]>();
  for (const app of apps) {
    for (const { what, next } of app.notCarried)
      groups.set(next, [...(groups.get(next) ?? []), { app, what }]);
  }
  if (groups.size === 0) return html``;
  const sorted = [...groups].sort(([, one], [, other]) => other.length - one.length);
  return html`<section aria-labelledby="left">
<h2 id="left">What did not move, and what to do</h2>
<p>An image and a rollout document have no place for these. Each app's own list is below.</p>
<div class="scroll"><table>
<caption>What is left to do by hand, the most frequent first</caption>
<thead><tr><th scope="col">Such as</th><th scope="col">What to do</th><th scope="col" class="number">Times</th><th scope="col" class="number">Apps</th></tr></thead>
<tbody>
${sorted.map(
  ([next, found]) =>
    html`<tr><td>${found[0]?.what} (${found[0] && appLink(found[0].app)})</td><th scope="row">${next}</th><td class="number">${found.length}</td><td class="number">${new Set(found.map(({ app }) => app.app)).size}</td></tr>
`,
)}</tbody>
</table></div>
</section>
`;
}

/** What comes next for the migration as a whole. */
export function nextSteps({ totals }: ReportDocument): Html {
  const left = totals.planned + totals.importing + totals.failed;
  const done = totals.imported + totals.unchanged;
  const steps = [
    left > 0 &&
      html`Import what is left (${counted(left, 'app')}): <code>build heroku import DIR --to ...</code> again; it moves nothing twice.`,
    done > 0 &&
      html`Before an app is switched over, compare it with Heroku once more: <code>build heroku verify DIR</code>.`,
    done > 0 &&
      html`Give each app's <code>rollout.json</code> and <code>secrets.age</code> (in <code>DIR/apps/APP/</code>) to its new runtime.`,
    totals.notCarried > 0 && html`Work through <a href="#left">what did not move</a>: data first, DNS last.`,
  ].filter((step) => step !== false);
  if (steps.length === 0) return html``;
  return html`<section aria-labelledby="next">
<h2 id="next">Next steps</h2>
<ol class="steps">
${steps.map((step) => html`<li>${step}</li>\n`)}</ol>
</section>
`;
}
