import { formatBytes } from '../../plan/format-bytes.ts';
import type { AppImage } from '../folder/app-result.ts';
import { counted, timeText } from './amounts.ts';
import { type Html, html } from './html.ts';
import { statusText } from './overview.ts';
import type { AppReport, ProcessReport } from './report-document.ts';

/** Everything about one app, folded until somebody wants it. */
export function appSection(app: AppReport): Html {
  return html`<details class="app" id="app-${app.app}">
<summary><h3>${app.app}</h3> ${statusText(app.status)} <span class="soft">${app.release !== null && `v${app.release}`}</span></summary>
<p>${app.reason}${app.code !== null && html` <code>${app.code}</code>`}</p>
<p class="soft">${[
    app.team === null ? 'personal app' : `team ${app.team}`,
    `region ${app.region} at Heroku`,
    `stack ${app.stack}`,
    `last import ${timeText(app.finishedAt)}`,
  ].join(', ')}</p>
${list('Changed since the plan', app.drift)}
${app.images.map(imageTable)}
${processTable(app)}
${variables(app)}
${notCarried(app)}
${list('Warnings', app.warnings)}
${cutOver(app)}
</details>
`;
}

function list(title: string, lines: readonly string[]): Html {
  if (lines.length === 0) return html``;
  return html`<h4>${title}</h4>
<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

function imageTable({ process, digest, references, size }: AppImage): Html {
  return html`<h4>${process === null ? 'Image' : `Image of ${process}`}</h4>
<p><code>${digest}</code> <span class="soft">(manifest of ${formatBytes(size)})</span></p>
<div class="scroll"><table>
<caption>Where it lies</caption>
<thead><tr><th scope="col">Region</th><th scope="col">State</th><th scope="col">Reference</th><th scope="col" class="number">Sent</th><th scope="col" class="number">There already</th></tr></thead>
<tbody>
${references.map(
  ({ region, state, tag, reference, uploadedBytes, skippedBytes, error }) =>
    html`<tr><th scope="row">${region ?? 'the only one'}</th><td><span class="status ${state}">${state}</span></td><td>${tag !== null && html`<code>${tag}</code><br>`}<code>${reference}</code>${error && html`<br>${error.message}`}</td><td class="number">${bytesOrNothing(uploadedBytes)}</td><td class="number">${bytesOrNothing(skippedBytes)}</td></tr>
`,
)}</tbody>
</table></div>`;
}

const bytesOrNothing = (bytes: number | null | undefined): string =>
  typeof bytes === 'number' ? formatBytes(bytes) : 'unknown';

const KINDS: Readonly<Record<ProcessReport['kind'], string>> = {
  service: 'runs all the time',
  release: 'runs before each rollout',
  'one-off': 'runs when somebody asks',
};

function processTable({ processes, images }: AppReport): Html {
  if (processes.length === 0) return html``;
  return html`<h4>Processes</h4>
<div class="scroll"><table>
<caption>${images.length > 0 ? 'As the rollout document has them' : 'As planned'}</caption>
<thead><tr><th scope="col">Process</th><th scope="col">Kind</th><th scope="col" class="number">Replicas</th><th scope="col" class="number">Memory</th><th scope="col">Command</th></tr></thead>
<tbody>
${processes.map(
  ({ name, kind, replicas, resources, command, user }) =>
    html`<tr><th scope="row">${name}</th><td>${KINDS[kind]}</td><td class="number">${kind === 'service' && replicas}</td><td class="number">${resources?.memory !== undefined && `${resources?.memory} MiB`}</td><td>${command === null ? html`<span class="soft">the image's own</span>` : html`<code>${command}</code>`}${user !== null && html` <span class="soft">as ${user}</span>`}</td></tr>
`,
)}</tbody>
</table></div>`;
}

function variables({ variables: { plain, secrets, external } }: AppReport): Html {
  if (plain.length + secrets.length + external.length === 0) return html``;
  const names = (all: readonly string[]) =>
    all.map((name, index) => html`${index > 0 && ', '}<code>${name}</code>`);
  return html`<h4>Variables</h4>
<ul>
${plain.length > 0 && html`<li>${counted(plain.length, 'plain one')}, in the rollout document: ${names(plain)}</li>`}
${secrets.length > 0 && html`<li>${counted(secrets.length, 'secret')}, sealed in secrets.age: ${names(secrets)}</li>`}
${external.map(({ name, from }) => html`<li><code>${name}</code> has to come with what replaces ${from}</li>`)}
</ul>`;
}

function notCarried({ notCarried: left }: AppReport): Html {
  if (left.length === 0) return html``;
  return html`<h4>What did not move</h4>
<div class="scroll"><table>
<caption>${counted(left.length, 'thing')} left behind</caption>
<thead><tr><th scope="col">What</th><th scope="col">Why</th><th scope="col">What to do</th></tr></thead>
<tbody>
${left.map(
  ({ what, why, next }) => html`<tr><th scope="row">${what}</th><td>${why}</td><td>${next}</td></tr>
`,
)}</tbody>
</table></div>`;
}

function cutOver({ cutOver: steps }: AppReport): Html {
  if (steps.length === 0) return html``;
  return html`<h4>Cut-over checklist</h4>
<ol class="steps">
${steps.map(
  ({ what, more }) => html`<li>${what}${more.map((line) => html`<br><span class="soft">${line}</span>`)}</li>
`,
)}</ol>`;
}
