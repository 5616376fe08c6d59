import type { BuildEvent } from '../../plan/events.ts';
import { escapeControl } from './escape.ts';
import { formatDuration } from './format.ts';
import { regionLine } from './region-text.ts';

/**
 * The line an event leaves behind, without its end; undefined for those that only move something. `took` is how
 * long the step of a `step` event ran, in milliseconds.
 */
export function lineOf(event: BuildEvent, took: number | undefined): string | undefined {
  switch (event.type) {
    case 'step':
      if (event.state === 'started') return undefined;
      return `${event.step}: ${event.state === 'failed' ? 'failed after' : 'done in'} ${formatDuration(took ?? 0)}`;
    case 'log':
      return `${event.step}| ${escapeControl(event.line)}`;
    case 'task':
      if (event.state === 'started') return `${event.step}: ${escapeControl(event.name)}`;
      if (event.state === 'cached') return `${event.step}: ${escapeControl(event.name)}: cached`;
      return `${event.step}: ${escapeControl(event.name)}: ${event.state === 'failed' ? 'failed after' : 'done in'} ${formatDuration(event.milliseconds ?? 0)}`;
    case 'note':
      return `${event.step}: ${escapeControl(event.message)}`;
    case 'warning':
      return `warning[${escapeControl(event.code)}]: ${escapeControl(event.message)}`;
    case 'region':
      // A single one is what the end of the step and the result say.
      return event.of === 1 || event.state === 'started' ? undefined : `push: ${regionLine(event)}`;
    default:
      return undefined;
  }
}
