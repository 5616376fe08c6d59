import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { onPath } from './engines.ts';
import { askFor, runFolder } from './shared-things.ts';

export interface Docker {
  /** Path of the daemon's socket. */
  readonly socket: string;
  /** Environment for programs that shall speak to this daemon; the Docker config is an empty one. */
  readonly environment: { readonly DOCKER_HOST: string; readonly DOCKER_CONFIG: string };
  /** Runs Debian's client; gives its standard output without the last newline. Throws where it fails. */
  docker(...args: readonly string[]): Promise<string>;
}

/**
 * The run's own Docker Engine (Debian's 20.10), started by the first test that asks: call it in `beforeAll` of a
 * `describeWith(['docker'], ...)`. A registry on 127.0.0.1 is reachable for it without TLS. Containers that
 * publish a port do it on 127.0.0.1 (`-p 127.0.0.1::5000`, then `docker port`). Give images and containers names
 * of the test's own, for test files share the daemon.
 */
export async function dockerEngine(): Promise<Docker> {
  const socket = await askFor('docker');
  const config = join(runFolder(), 'docker-config');
  await mkdir(config, { recursive: true });
  const environment = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
  return {
    socket,
    environment,
    docker: async (...args) => {
      const { stdout } = await execa(onPath('docker') ?? 'docker', args, {
        env: environment,
        stdin: 'ignore',
      });
      return stdout;
    },
  };
}
