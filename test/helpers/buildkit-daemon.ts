/**
 * A private BuildKit daemon: own data, own socket, the network of the machine for its steps. Without it a step has
 * none; with it no bridge and no firewall are touched.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { engineOrThrow, onPath } from './engines.ts';
import type { Shared } from './run-folder.ts';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

/** Starts a daemon below `folder`. The answer is its address. */
export async function startBuildkit(folder: string): Promise<Shared> {
  const buildkitd = engineOrThrow('buildkit');
  const home = join(folder, 'buildkit');
  mkdirSync(home);
  const address = `unix://${join(home, 'buildkitd.sock')}`;
  const log = openSync(join(home, 'log'), 'a');
  const daemon = spawn(
    'setpriv', // so that the daemon ends even where the tests are killed
    [
      ...['--pdeathsig', 'TERM', buildkitd, '--root', join(home, 'root'), '--addr', address],
      ...['--oci-worker-net=host', '--containerd-worker=false'],
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const end = async () => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  };
  const deadline = Date.now() + START_LIMIT_MS;
  while (!answers(address)) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      await end();
      throw new Error(`buildkitd did not start:\n${readFileSync(join(home, 'log'), 'utf8').slice(-2000)}`);
    }
    await wait(100);
  }
  return { answer: address, end, endInShell: `while kill -0 ${daemon.pid}; do sleep 0.2; done` };
}

function answers(address: string): boolean {
  try {
    execFileSync(onPath('buildctl') ?? 'buildctl', ['--addr', address, 'debug', 'workers'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
