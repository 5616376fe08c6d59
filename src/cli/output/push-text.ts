import type { CopyDocument } from '../../pipeline/copy.ts';
import type { PushDocument } from '../../pipeline/push.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { mendText, referencesText } from './result-text.ts';

/** @param image as it was written, for what there is to do next */
export function pushText({ image: { digest }, references }: PushDocument, image: string): string {
  return `${[digest, '', ...referencesText(references), ...mendText(references, image)].join('\n')}\n`;
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
