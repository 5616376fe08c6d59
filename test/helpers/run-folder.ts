/**
 * One folder per run of the tests, and the things in it that test files share: a Docker daemon, base images.
 * They are made by vitest's own process when the first test asks (each test file has a process of its own), over
 * a socket in the folder, so nothing is started that no test wanted and nothing is started twice; they end, and
 * the folder goes, with the run.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBuildkit } from './buildkit-daemon.ts';
import { startDocker } from './docker-daemon.ts';
import { unmountUnder } from './mounts.ts';
import type { SharedThing } from './shared-things.ts';

/** What one run makes at most once: its answer, for those who ask, and how it ends. */
export interface Shared {
  readonly answer: string;
  readonly end: () => Promise<void>;
  /** The same in shell, for a run that is interrupted: it outlives vitest and may wait. */
  readonly endInShell: string;
}

const makers: Readonly<Record<SharedThing, (folder: string) => Promise<Shared>>> = {
  docker: startDocker,
  buildkit: startBuildkit,
};

/** vitest's global set-up; what it returns is the tear-down. */
export async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwood-test-'));
  process.env.DOGWOOD_TEST_RUN = folder;
  const made = new Map<SharedThing, Promise<Shared>>();
  const finished: Shared[] = [];
  const make = async (name: SharedThing): Promise<Shared> => {
    const thing = await makers[name](folder);
    finished.push(thing);
    return thing;
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => void answer(socket, made, make));
  await new Promise<void>((listening) => server.listen(join(folder, 'ask.sock'), listening));
  const interrupted = () => cleanUpBehind(folder, finished);
  process.once('exit', interrupted);
  return async () => {
    await close(server);
    const results = await Promise.allSettled(made.values());
    for (const result of results) if (result.status === 'fulfilled') await result.value.end();
    process.off('exit', interrupted);
    unmountUnder(folder);
    rmSync(folder, { recursive: true, force: true });
  };
}

/** The asker writes a name and ends its side; the answer is JSON, `{answer}` or `{error}`. */
async function answer(
  socket: Socket,
  made: Map<SharedThing, Promise<Shared>>,
  make: (name: SharedThing) => Promise<Shared>,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const name = Buffer.concat(await socket.toArray()).toString() as SharedThing;
    const thing = made.get(name) ?? make(name);
    made.set(name, thing);
    socket.end(JSON.stringify({ answer: (await thing).answer }));
  } catch (error) {
    socket.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}

function close(server: Server): Promise<void> {
  return new Promise((closed) => {
    server.close(() => closed());
  });
}

/** vitest leaves at once when it is interrupted, without its tear-down. */
function cleanUpBehind(folder: string, things: readonly Shared[]): void {
  const script = [...things.map((thing) => thing.endInShell), `rm -rf '${folder}'`].join('\n');
  spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' }).unref();
}
