import { randomUUID } from 'node:crypto';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../process.ts';
import type { EngineRun } from './engine.ts';

/** Milliseconds for one question to Buildah, or one removal. */
const ANSWER_MS = 10_000;
/** Where Buildah looks for temporary room without TMPDIR. */
const USUAL_ROOM = '/var/tmp';

type Variables = Readonly<Record<string, string>>;

/**
 * Temporary room that goes with the run: Buildah that is told to end between two steps leaves the folders there that
 * it keeps secrets and blobs in. The caches of `RUN --mount=type=cache`, which it keeps in the same place, shall
 * outlive the run: their folder is a link to the usual one. Gives the variables with TMPDIR in them.
 */
export async function withOwnRoom(variables: Variables, run: EngineRun): Promise<Variables> {
  const room = await run.makeFolder();
  const uid = process.getuid?.() ?? 0;
  for (const name of ['buildah-cache', `buildah-cache-${uid}`]) {
    const usual = join(variables.TMPDIR ?? USUAL_ROOM, name);
    try {
      await mkdir(usual, { recursive: true });
      await symlink(usual, join(room, name));
    } catch {
      // A machine without the usual place: these caches go with the run.
    }
  }
  return { ...variables, TMPDIR: room };
}

/**
 * A mark that Buildah keeps with each working container of one build: the name of a secret that no step mounts. It
 * has labels for images only, and another build may be at work in the same storage.
 */
export function createMark(): { readonly text: string; readonly flags: readonly string[] } {
  const text = `dogwood-${randomUUID()}`;
  return { text, flags: ['--secret', `id=${text},src=/dev/null`] };
}

/**
 * Removes the working containers of a build that was called off: `--force-rm` is for builds that come to an end.
 * What cannot be found or removed is no failure; it is a build that has ended anyway.
 */
export async function removeMarked(mark: string, variables: Variables): Promise<void> {
  try {
    const [list, info] = [await ask(['containers', '--json'], variables), await ask(['info'], variables)];
    const { GraphRoot: root, GraphDriverName: driver } = (info as { store: Record<string, string> }).store;
    if (root === undefined || driver === undefined) return;
    for (const { id } of (list ?? []) as readonly { readonly id: string }[]) {
      const file = join(root, `${driver}-containers`, id, 'userdata', 'buildah.json');
      const text = await readFile(file, 'utf8').catch(() => '');
      if (text.includes(mark)) {
        await runProcess('buildah', ['rm', id], { env: variables, timeoutMs: ANSWER_MS });
      }
    }
  } catch {
    // See above.
  }
}

async function ask(args: readonly string[], env: Variables): Promise<unknown> {
  const { stdout } = await runProcess('buildah', args, { env, timeoutMs: ANSWER_MS });
  return JSON.parse(stdout) as unknown;
}
