import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram, run } from './programs.ts';

export interface Buildkit {
  readonly address: string;
  readonly buildctl: string;
  /** What finds it and its client. */
  readonly environment: Readonly<Record<string, string>>;
  /** Forgets everything that was built. */
  prune(): Promise<void>;
  stop(): Promise<void>;
}

/** A BuildKit daemon of the bench's own; undefined without root or without the programs. */
export async function startBuildkit(folder: string): Promise<Buildkit | undefined> {
  const [buildkitd, buildctl] = [findProgram('buildkitd'), findProgram('buildctl')];
  if (buildkitd === undefined || buildctl === undefined || process.getuid?.() !== 0) return undefined;
  const home = join(folder, 'buildkit');
  await mkdir(home, { recursive: true });
  const address = `unix://${join(home, 'socket')}`;
  const log = openSync(join(home, 'log'), 'a');
  const worker = ['--oci-worker-net=host', '--containerd-worker=false'];
  // So that it ends even where the bench is killed.
  const words = [
    '--pdeathsig',
    'TERM',
    buildkitd,
    '--root',
    join(home, 'root'),
    '--addr',
    address,
    ...worker,
  ];
  const daemon = spawn('setpriv', words, {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ask = (...words: readonly string[]) => run(buildctl, ['--addr', address, ...words]);
  const deadline = Date.now() + 60_000;
  while (!(await ask('debug', 'workers').catch(() => undefined))) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      daemon.kill('SIGKILL');
      return undefined;
    }
    await wait(100);
  }
  return {
    address,
    buildctl,
    environment: { BUILDKIT_HOST: address, PATH: `${dirname(buildctl)}:${process.env.PATH}` },
    prune: async () => void (await ask('prune', '--all')),
    async stop() {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      await ended;
    },
  };
}
