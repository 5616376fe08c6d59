import { formatPlatform } from '../../oci/platform.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import type { ResultLayer, ResultReference, SucceededBuild } from '../../plan/result.ts';
import { escapeControl } from './escape.ts';
import { formatDuration, formatTable } from './format.ts';
import { failureText, sentText } from './region-text.ts';

/** Where the image was wanted. */
interface Wanted {
  /** Its name in the local store, when it went nowhere else. */
  readonly localName?: string | undefined;
  readonly output?: string | undefined;
}

/** A result for people: what was built, of what, where it is and what to do with it next. */
export function resultText(result: SucceededBuild, wanted: Wanted): string {
  const lines = [`${result.image.digest}`, ''];
  const platforms = result.platforms.map(({ platform }) => formatPlatform(platform)).join(', ');
  const total = formatDuration(result.timings.total);
  lines.push(`Built with strategy ${result.strategy} for ${platforms} in ${total}.`);
  for (const { platform, layers } of result.platforms) {
    lines.push('', ...layersText(layers, result.platforms.length > 1 ? formatPlatform(platform) : undefined));
  }
  lines.push('', ...processesText(result.processes));
  if (result.references.length > 0) lines.push('', ...referencesText(result.references));
  lines.push(...nextText(result.references, wanted));
  // With several places it is in the local store, by its digest.
  lines.push(...mendText(result.references, `local:${result.image.digest}`));
  return `${lines.join('\n')}\n`;
}

/** Where it is, by the name that other commands take, and what those commands are. */
function nextText(references: readonly ResultReference[], { localName, output }: Wanted): string[] {
  const available = references.find(({ state }) => state === 'available');
  // Said with its tag, it is this image also in a layout that has others.
  const name = localName === undefined ? output?.replace(/^oci:[^:]+$/, '$&:latest') : `local:${localName}`;
  const image =
    name ?? (available === undefined ? undefined : `docker://${available.tag ?? available.reference}`);
  if (image === undefined) return [];
  const lines = name === undefined ? [] : ['', `Stored as ${escapeControl(name)}`];
  lines.push('', `Run it with   build run ${shellWord(image)}`);
  if (name !== undefined) lines.push(`Push it with  build push ${shellWord(image)} HOST/REPOSITORY:TAG`);
  return lines;
}

/** A word that a shell takes as it is, so that the line can be copied. */
function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${escapeControl(text).replaceAll("'", "'\\''")}'`;
}

function layersText(layers: readonly ResultLayer[], platform: string | undefined): string[] {
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  const rows = layers.map((layer) => [layer.origin, formatBytes(layer.size), layer.digest]);
  const title = `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}, ${formatBytes(size)}`;
  return [platform === undefined ? title : `${platform}: ${title}`, ...formatTable(rows, [1]).map(indent)];
}

export function processesText(processes: Readonly<Record<string, string>>): string[] {
  const rows = Object.entries(processes).map(([name, command]) => [
    escapeControl(name),
    escapeControl(command),
  ]);
  return rows.length === 0 ? ['No process types.'] : ['Processes', ...formatTable(rows).map(indent)];
}

/** One line per registry or place; a failed one with its reason. */
export function referencesText(references: readonly ResultReference[]): string[] {
  return references.map((one) => {
    const name = escapeControl(one.tag ?? one.reference);
    const where = one.region === null ? name : `${escapeControl(one.region)}: ${name}`;
    if (one.state === 'failed') return `Failed     ${where} (${failureText(one)})`;
    return `Available  ${where} (${sentText(one, references.length > 1)})`;
  });
}

/** How registries that failed get what they lack; nothing where none did. */
export function mendText(references: readonly ResultReference[], image: string): string[] {
  const failed = references.filter(({ state }) => state === 'failed');
  if (failed.length === 0) return [];
  const words = failed.map(({ region, reference, tag }) =>
    shellWord(`${region === null ? '' : `${region}=`}${tag ?? reference}`),
  );
  return ['', `Mend it with  build push ${[shellWord(image), ...words].join(' ')}`];
}

export const indent = (line: string): string => `  ${line}`;
