import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import type { Emit } from '../../plan/events.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import type { AppResult, AppStatus } from '../folder/app-result.ts';
import type { Interrupted } from '../folder/journal.ts';
import type { AppPlan } from '../plan/plan-document.ts';

/** Milliseconds between two lines about the whole. */
const TELL_EVERY = 5_000;

/** Tells of each app as a task, and now and then of all of them: done, failed, bytes saved, waiting, time left. */
export function createImportProgress(
  apps: readonly AppPlan[],
  { emit, clock }: Pick<PipelineEnvironment, 'emit' | 'clock'>,
) {
  const start = clock();
  const sizes = new Map(apps.map(({ app, slug }) => [app, slug?.size ?? 0]));
  const counts = new Map<AppStatus, number>();
  let [done, read, saved, waited, told] = [0, 0, 0, 0, start];
  const tell = (): void => {
    told = clock();
    const left = ((clock() - start) / done) * (apps.length - done);
    const states = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
    const message = [
      `${done} of ${apps.length} apps: ${states}`,
      `${formatBytes(read)} read, ${formatBytes(saved)} saved`,
      ...(waited > 0 ? [`waited ${Math.round(waited / 1000)} s for calls`] : []),
      ...(done < apps.length ? [`about ${Math.ceil(left / 1000)} s left`] : []),
    ].join('; ');
    emit({ type: 'note', step: 'build', message });
  };
  emit({ type: 'step', step: 'build', state: 'started' });
  return {
    resumed: ({ since, finished }: Interrupted): void => {
      const message = `goes on with the import that began ${since}: ${finished.size} of ${apps.length} apps are done`;
      emit({ type: 'note', step: 'build', message });
    },
    interrupted: (): void => {
      const message = `${done} of ${apps.length} apps are done; the same command goes on from there`;
      emit({ type: 'note', step: 'build', message });
    },
    waited: (milliseconds: number): void => {
      waited += milliseconds;
    },
    started: ({ app }: AppPlan): void =>
      emit({ type: 'task', step: 'build', id: app, name: app, state: 'started', milliseconds: null }),
    finished: ({ app, status, reason, slugBytesRead, milliseconds }: AppResult): void => {
      done += 1;
      counts.set(status, (counts.get(status) ?? 0) + 1);
      read += slugBytesRead;
      if (status === 'imported' || status === 'unchanged') {
        saved += Math.max(0, (sizes.get(app) ?? 0) - slugBytesRead);
      }
      const state = status === 'failed' ? 'failed' : status === 'imported' ? 'finished' : 'cached';
      const name = status === 'imported' ? app : `${app}: ${status}: ${reason}`;
      emit({ type: 'task', step: 'build', id: app, name, state, milliseconds });
      if (done === apps.length || clock() - told >= TELL_EVERY) tell();
      if (done === apps.length) emit({ type: 'step', step: 'build', state: 'finished' });
    },
    /** What is told of the build of one app: its bytes. The rest is in its result, and would bury the others'. */
    emitOf:
      ({ app }: AppPlan): Emit =>
      (event) => {
        if (event.type === 'progress') emit({ ...event, transfer: `${app} ${event.transfer}` });
      },
  };
}
