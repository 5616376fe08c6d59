import type { BuildEvent } from '../../plan/events.ts';
import { type Activity, createActivity, describeTransfer } from './activity.ts';
import { escapeControl } from './escape.ts';
import { formatDuration } from './format.ts';
import { lineOf } from './lines.ts';
import type { RenderContext, Renderer } from './renderer.ts';

/** Milliseconds between two redraws: ten a second. */
const FRAME_MS = 100;
/** Tasks and transfers shown at once; more would push what matters off the screen. */
const MAX_TRANSFERS = 8;
const MAX_TASKS = 8;
/** A narrower terminal needs its room for names and numbers. */
const MIN_BAR_COLUMNS = 60;

const CLEAR_BELOW = '\x1b[0J';
// With automatic wrapping off a long line is cut by the terminal itself, whatever the width of its characters.
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';

const COLOURS = { green: '\x1b[32m', yellow: '\x1b[33m', red: '\x1b[31m', dim: '\x1b[2m' } as const;
const RESET = '\x1b[0m';

function colourOf(event: BuildEvent): keyof typeof COLOURS | undefined {
  if (event.type === 'warning') return 'yellow';
  if (event.type === 'region') return event.state === 'failed' ? 'red' : 'green';
  if (event.type === 'task') return event.state === 'failed' ? 'red' : undefined;
  if (event.type === 'step') return event.state === 'failed' ? 'red' : 'green';
  return event.type === 'log' ? 'dim' : undefined;
}

/** What happened scrolls up; under it, redrawn in place, stands what is going on. */
export function createTtyRenderer(context: RenderContext): Renderer {
  const activity = createActivity();
  const paint = (text: string, colour: keyof typeof COLOURS | undefined) =>
    context.colour && colour !== undefined ? `${COLOURS[colour]}${text}${RESET}` : text;
  let finished: string[] = [];
  let drawn = 0;
  const draw = (live: readonly string[]) => {
    if (drawn === 0 && live.length === 0 && finished.length === 0) return;
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`;
    const above = finished.map((line) => `${line}\n`).join('');
    const below = live.map((line) => `${cut(line, context.columns())}\n`).join('');
    context.write(`\r${up}${CLEAR_BELOW}${above}${live.length > 0 ? `${WRAP_OFF}${below}${WRAP_ON}` : ''}`);
    finished = [];
    drawn = live.length;
  };
  const stop = context.every(FRAME_MS, () => draw(liveLines(activity, context.clock(), context.columns())));
  return {
    event(event) {
      const took = activity.observe(event, context.clock());
      // A task that runs stands among what is going on; it scrolls up when it is over.
      if (event.type === 'task' && event.state === 'started') return;
      const line = lineOf(event, took);
      if (line !== undefined) finished.push(paint(line, colourOf(event)));
    },
    end() {
      stop();
      draw([]);
    },
  };
}

function liveLines(activity: Activity, now: number, columns: number): string[] {
  const transfers = activity.transfers();
  const lines = activity.steps().map(({ step, since }) => `${step}  ${formatDuration(now - since)}`);
  const tasks = activity.tasks();
  for (const { name, since } of tasks.slice(0, MAX_TASKS)) {
    lines.push(`  ${escapeControl(name)}  ${formatDuration(now - since)}`);
  }
  if (tasks.length > MAX_TASKS) lines.push(`  and ${tasks.length - MAX_TASKS} more`);
  for (const transfer of transfers.slice(0, MAX_TRANSFERS)) {
    const shown = columns < MIN_BAR_COLUMNS ? '' : bar(transfer.bytes, transfer.total);
    lines.push(`  ${shown}${describeTransfer(transfer, now)}`);
  }
  if (transfers.length > MAX_TRANSFERS) lines.push(`  and ${transfers.length - MAX_TRANSFERS} more`);
  return lines;
}

const BAR_WIDTH = 16;

function bar(bytes: number, total: number | null): string {
  if (total === null || total === 0) return '';
  const full = Math.round(Math.min(1, bytes / total) * BAR_WIDTH);
  return `[${'='.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] `;
}

function cut(line: string, columns: number): string {
  const characters = [...line];
  return characters.length < columns ? line : characters.slice(0, Math.max(1, columns - 1)).join('');
}
