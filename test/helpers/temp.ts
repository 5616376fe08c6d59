import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runFolder } from './shared-things.ts';

/** A new empty folder, removed when the current test ends; made outside of a test, when the run ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(runFolder(), 'temp-'));
  try {
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
  } catch {
    // In beforeAll there is no current test; the run's own folder goes with the run.
  }
  return folder;
}
