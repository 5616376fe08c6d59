import { formatPlatform } from '../../oci/platform.ts';
import type { InspectDocument } from '../../pipeline/inspect.ts';
import type { ValidateDocument } from '../../pipeline/validate.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';
import { indent, processesText } from './result-text.ts';

const MAX_COMMAND = 60;

/** An image for people: what it is, its layers with what made them, how it starts. */
export function inspectText(document: InspectDocument): string {
  const { image, config, layers, processes, platforms, referrers } = document;
  const run = config.config;
  const facts = [
    ['platform', formatPlatform(image.platform)],
    ['manifest', image.mediaType],
    ['created', config.created ?? 'not stated'],
    ['user', run?.User || 'root'],
    ['folder', run?.WorkingDir || '/'],
    ['entrypoint', (run?.Entrypoint ?? []).join(' ')],
    ['command', (run?.Cmd ?? []).join(' ')],
    ...(run?.Env ?? []).map((variable) => ['env', variable]),
    ...Object.entries(run?.Labels ?? {}).map(([name, value]) => ['label', `${name}=${value}`]),
  ].filter(([, value]) => value !== '');
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  const rows = layers.map((layer) => [formatBytes(layer.size), layer.digest, shorten(layer.createdBy ?? '')]);
  const others = platforms.length > 1 ? platforms : [];
  return `${[
    image.digest,
    '',
    ...formatTable(facts.map((row) => row.map(escapeControl))),
    '',
    `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}, ${formatBytes(size)}`,
    ...formatTable(rows, [0]).map(indent),
    '',
    ...processesText(processes),
    ...(others.length > 0 ? ['', 'Platforms of the index'] : []),
    ...formatTable(others.map(({ platform, digest }) => [formatPlatform(platform), digest])).map(indent),
    ...referrersText(referrers),
  ].join('\n')}\n`;
}

function referrersText(referrers: InspectDocument['referrers']): string[] {
  if (referrers === null) return [];
  const rows = referrers.map(({ artifactType = '', size, digest }) => [
    escapeControl(artifactType),
    formatBytes(size),
    digest,
  ]);
  return rows.length === 0
    ? ['', 'Nothing refers to it.']
    : ['', 'Referrers', ...formatTable(rows, [1]).map(indent)];
}

function shorten(command: string): string {
  const text = escapeControl(command);
  return text.length <= MAX_COMMAND ? text : `${text.slice(0, MAX_COMMAND - 3)}...`;
}

/** One line per violation. */
export function validateText({ valid, digest, violations }: ValidateDocument): string {
  if (valid) return `${digest} is valid\n`;
  const lines = violations.map(
    ({ code, where, message }) => `${code}  ${escapeControl(where)}: ${escapeControl(message)}`,
  );
  return `${[`${digest} is not valid`, ...lines.map(indent)].join('\n')}\n`;
}
