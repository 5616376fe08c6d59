/**
 * A private Docker daemon: own data, own socket, own bridge, own containerd namespaces, and no hand on the
 * machine's firewall (published ports go through docker-proxy). One that already runs stays untouched.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { engineOrThrow, onPath } from './engines.ts';
import type { Shared } from './run-folder.ts';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

/** Starts a daemon below `folder`. The answer is the path of its socket. */
export async function startDocker(folder: string): Promise<Shared> {
  const dockerd = engineOrThrow('docker');
  const home = join(folder, 'docker');
  mkdirSync(home);
  const socket = join(home, 'docker.sock');
  const bridge = addBridge();
  const name = `dogwood-${process.pid}`;
  const log = openSync(join(home, 'dockerd.log'), 'a');
  const daemon = spawn(
    'setpriv', // so that the daemon ends even where the tests are killed
    [
      ...[
        '--pdeathsig',
        'TERM',
        dockerd,
        '--data-root',
        join(home, 'data'),
        '--exec-root',
        join(home, 'exec'),
      ],
      ...['--host', `unix://${socket}`, '--pidfile', join(home, 'pid'), '--bridge', bridge],
      ...['--iptables=false', '--ip-forward=false', '--ip-masq=false'],
      ...['--containerd-namespace', name, '--containerd-plugins-namespace', `${name}-plugins`],
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const end = async () => {
    removeContainers(socket);
    await stop(daemon);
    execFileSync('ip', ['link', 'delete', bridge]);
  };
  try {
    await untilReady(daemon, socket, join(home, 'dockerd.log'));
  } catch (error) {
    await end();
    throw error;
  }
  // The daemon has its TERM by then: --pdeathsig.
  const endInShell = `while kill -0 ${daemon.pid}; do sleep 0.2; done; ip link delete ${bridge}`;
  return { answer: socket, end, endInShell };
}

/** A bridge named and numbered after this process: two runs at once do not meet. */
function addBridge(): string {
  const bridge = `dw${process.pid}`;
  const subnet = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 256}`;
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
  execFileSync('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', bridge]);
  execFileSync('ip', ['link', 'set', bridge, 'up']);
  return bridge;
}

async function untilReady(daemon: ChildProcess, socket: string, log: string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (daemon.exitCode === null && Date.now() < deadline) {
    if (existsSync(socket) && answers(socket)) return;
    await wait(100);
  }
  throw new Error(`dockerd did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`);
}

function answers(socket: string): boolean {
  try {
    docker(socket, ['version']);
    return true;
  } catch {
    return false;
  }
}

function docker(socket: string, args: readonly string[]): string {
  return execFileSync(onPath('docker') ?? 'docker', ['--host', `unix://${socket}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What a failed test left running would make the daemon wait for each of them. */
function removeContainers(socket: string): void {
  try {
    const ids = docker(socket, ['ps', '--all', '--quiet']).split('\n').filter(Boolean);
    if (ids.length > 0) docker(socket, ['rm', '--force', '--volumes', ...ids]);
  } catch {
    // A daemon that no longer answers holds nothing that its end below does not end.
  }
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(timer);
}
