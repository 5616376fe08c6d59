import type { BuildEvent, Step } from '../../plan/events.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { formatDuration } from './format.ts';

/** Milliseconds over which a rate is taken: long enough to be calm, short enough to show a stall. */
const RATE_WINDOW_MS = 5_000;

interface Task {
  readonly step: Step;
  readonly name: string;
  readonly since: number;
}

interface Transfer {
  readonly step: Step;
  readonly name: string;
  readonly bytes: number;
  readonly total: number | null;
  readonly samples: readonly { readonly at: number; readonly bytes: number }[];
}

/** What is going on right now: which steps and tasks run since when, and which transfers are under way. */
export interface Activity {
  /** Takes an event in; for a step that ended, gives how long it took in milliseconds. */
  observe(event: BuildEvent, now: number): number | undefined;
  /** Steps that run, the oldest first. */
  steps(): readonly { readonly step: Step; readonly since: number }[];
  /** What engines are busy with, the oldest first. */
  tasks(): readonly Task[];
  transfers(): readonly Transfer[];
}

export function createActivity(): Activity {
  const steps = new Map<Step, number>();
  const tasks = new Map<string, Task>();
  const transfers = new Map<string, Transfer>();
  return {
    observe(event, now) {
      if (event.type === 'progress') {
        const key = `${event.step}\0${event.transfer}`;
        if (event.done) transfers.delete(key);
        else transfers.set(key, advance(transfers.get(key), event, now));
        return undefined;
      }
      if (event.type === 'task') {
        const { step, id, name, state } = event;
        if (state === 'started') tasks.set(`${step}\0${id}`, { step, name, since: now });
        else tasks.delete(`${step}\0${id}`);
        return undefined;
      }
      if (event.type === 'region' && event.state !== 'started') {
        // What failed moves no more.
        transfers.delete(`push\0${event.transfer}`);
        return undefined;
      }
      if (event.type !== 'step') return undefined;
      if (event.state === 'started') {
        steps.set(event.step, now);
        return undefined;
      }
      const since = steps.get(event.step);
      steps.delete(event.step);
      for (const [key, transfer] of transfers) if (transfer.step === event.step) transfers.delete(key);
      for (const [key, task] of tasks) if (task.step === event.step) tasks.delete(key);
      return now - (since ?? now);
    },
    steps: () => [...steps].map(([step, since]) => ({ step, since })),
    tasks: () => [...tasks.values()],
    transfers: () => [...transfers.values()],
  };
}

type Progress = Extract<BuildEvent, { type: 'progress' }>;

function advance(before: Transfer | undefined, event: Progress, now: number): Transfer {
  const sample = { at: now, bytes: event.bytes };
  const kept = (before?.samples ?? []).filter((old) => old.at >= now - RATE_WINDOW_MS);
  // A sample per call would grow without end within the window; ten a second are plenty.
  const last = kept.at(-1);
  const samples = kept.length > 1 && last !== undefined && now - last.at < 100 ? kept : [...kept, sample];
  return { step: event.step, name: event.transfer, bytes: event.bytes, total: event.total, samples };
}

/** Bytes per second over the last seconds; undefined while there is too little to say. */
export function rateOf(transfer: Transfer, now: number): number | undefined {
  const first = transfer.samples[0];
  if (first === undefined || now - first.at < 200) return undefined;
  return Math.max(0, ((transfer.bytes - first.bytes) * 1000) / (now - first.at));
}

/** `slug.tgz 120.0 MB of 301.4 MB, 40.2 MB/s, 5 s left`. */
export function describeTransfer(transfer: Transfer, now: number): string {
  const rate = rateOf(transfer, now);
  const parts = [
    transfer.total === null
      ? formatBytes(transfer.bytes)
      : `${formatBytes(transfer.bytes)} of ${formatBytes(transfer.total)}`,
  ];
  if (rate !== undefined) parts.push(`${formatBytes(Math.round(rate))}/s`);
  if (rate !== undefined && rate > 0 && transfer.total !== null && transfer.total > transfer.bytes) {
    parts.push(`${formatDuration(((transfer.total - transfer.bytes) / rate) * 1000)} left`);
  }
  return `${escapeControl(transfer.name)} ${parts.join(', ')}`;
}
