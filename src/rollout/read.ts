import { readFile } from 'node:fs/promises';
import { type Rollout, rolloutDocument } from './document.ts';

/** The rollout document at a path; undefined where there is none, and where it is none that this version can read. */
export async function readRollout(path: string): Promise<Rollout | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  try {
    return text === undefined ? undefined : rolloutDocument.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
