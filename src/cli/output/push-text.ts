import type { CopyDocument } from '../../pipeline/copy.ts';
import type { PushDocument } from '../../pipeline/push.ts';
import { escapeControl } from './escape.ts';
import { formatBytes } from './format.ts';
import { referencesText } from './result-text.ts';

export function pushText(document: PushDocument): string {
  return `${[document.image.digest, '', ...referencesText(document.references)].join('\n')}\n`;
}

export function copyText(document: CopyDocument): string {
  const there = document.skippedBytes > 0 ? `, ${formatBytes(document.skippedBytes)} there already` : '';
  return [
    document.image.digest,
    '',
    `Available  ${escapeControl(document.reference)} (${formatBytes(document.uploadedBytes)} written${there})`,
    '',
  ].join('\n');
}
