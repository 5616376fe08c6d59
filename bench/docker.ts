import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram, run } from './programs.ts';

export interface Docker {
  /** For other programs that shall speak to this daemon. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs the client against the bench's own daemon; gives the seconds it took. */
  run(...args: readonly string[]): Promise<number>;
  stop(): Promise<void>;
}

/** A Docker Engine of the bench's own, without a network; undefined without root or without the programs. */
export async function startDocker(folder: string): Promise<Docker | undefined> {
  const dockerd = findProgram('dockerd');
  const client = findProgram('docker');
  if (dockerd === undefined || client === undefined || process.getuid?.() !== 0) return undefined;
  const home = join(folder, 'docker');
  const socket = join(home, 'docker.sock');
  await mkdir(join(home, 'config'), { recursive: true });
  const log = openSync(join(home, 'log'), 'a');
  const namespace = `dogwood-bench-${process.pid}`;
  const daemon = spawn(
    dockerd,
    [
      ...[
        '--host',
        `unix://${socket}`,
        '--pidfile',
        join(home, 'pid'),
        '--bridge',
        'none',
        '--iptables=false',
      ],
      ...['--data-root', join(home, 'data'), '--exec-root', join(home, 'exec')],
      ...['--containerd-namespace', namespace, '--containerd-plugins-namespace', `${namespace}-plugins`],
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const environment = {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: join(home, 'config'),
    DOCKER_BUILDKIT: '0',
  };
  const docker = async (...args: readonly string[]) => (await run(client, args, { environment })).seconds;
  const deadline = Date.now() + 60_000;
  while (!(await docker('version').catch(() => undefined))) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      daemon.kill('SIGKILL');
      return undefined;
    }
    await wait(100);
  }
  return {
    environment,
    run: docker,
    async stop() {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      await ended;
      // Of containers that ran; a mount point cannot be removed.
      const mounts = (await readFile('/proc/mounts', 'utf8'))
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '');
      for (const mount of mounts) if (mount.startsWith(`${home}/`)) await run('umount', ['--lazy', mount]);
    },
  };
}
