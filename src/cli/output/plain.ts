import { createActivity, describeTransfer } from './activity.ts';
import { escapeControl } from './escape.ts';
import { formatDuration } from './format.ts';
import { lineOf } from './lines.ts';
import type { RenderContext, Renderer } from './renderer.ts';

/** Milliseconds between two signs of life: CI systems end a job that keeps quiet for some minutes. */
const HEARTBEAT_MS = 30_000;

/** One line per step that ended, note, warning and log line, and a heartbeat that says what takes so long. */
export function createPlainRenderer(context: RenderContext): Renderer {
  const activity = createActivity();
  const write = (line: string) => context.write(`${line}\n`);
  const heartbeat = () => {
    const now = context.clock();
    for (const { step, since } of activity.steps()) {
      const transfers = activity
        .transfers()
        .filter((transfer) => transfer.step === step)
        .map((transfer) => describeTransfer(transfer, now));
      const tasks = activity.tasks().filter((task) => task.step === step);
      const busy = tasks.map((task) => `${escapeControl(task.name)} for ${formatDuration(now - task.since)}`);
      write([`${step}: running for ${formatDuration(now - since)}`, ...busy, ...transfers].join('; '));
    }
  };
  const stop = context.every(HEARTBEAT_MS, heartbeat);
  return {
    event(event) {
      const line = lineOf(event, activity.observe(event, context.clock()));
      if (line !== undefined) write(line);
    },
    end: stop,
  };
}
