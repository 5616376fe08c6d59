import { formatBytes } from '../../plan/format-bytes.ts';
import type { ResultReference } from '../../plan/result.ts';
import { escapeControl } from './escape.ts';
import { formatDuration } from './format.ts';

/** `fra available (12.3 MB sent, 80.0 MB there already, 1.2 s, 10.3 MB/s)`, or why it failed. */
export function regionLine(reference: ResultReference): string {
  const name = escapeControl(reference.region ?? reference.tag ?? reference.reference);
  if (reference.state === 'available') return `${name} available (${sentText(reference, true)})`;
  return `${name} failed after ${formatDuration(reference.milliseconds)} (${failureText(reference)})`;
}

/** What was sent, what was there and, where that is wanted, in which time. */
export function sentText(reference: ResultReference, timed: boolean): string {
  const { uploadedBytes, skippedBytes, milliseconds } = reference;
  if (uploadedBytes === null) return 'sent by the engine';
  const parts = [`${formatBytes(uploadedBytes)} sent`];
  if (skippedBytes !== null && skippedBytes > 0) parts.push(`${formatBytes(skippedBytes)} there already`);
  if (timed) parts.push(formatDuration(milliseconds));
  if (timed && uploadedBytes > 0 && milliseconds > 0) {
    parts.push(`${formatBytes(Math.round((uploadedBytes * 1000) / milliseconds))}/s`);
  }
  return parts.join(', ');
}

/** The error, and what arrived before it: that much is not sent again. */
export function failureText({ error, uploadedBytes }: ResultReference): string {
  const sent = uploadedBytes !== null && uploadedBytes > 0 ? `; ${formatBytes(uploadedBytes)} sent` : '';
  return error === null ? `failed${sent}` : `${error.code}: ${escapeControl(error.message)}${sent}`;
}
