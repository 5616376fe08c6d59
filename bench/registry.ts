import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram } from './programs.ts';

export interface Registry {
  readonly port: number;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** A repository that nobody has used, in a registry that holds nothing. */
  fresh(): Promise<string>;
  stop(): Promise<void>;
}

/** A distribution registry on loopback; undefined where none is installed. */
export async function startRegistry(folder: string): Promise<Registry | undefined> {
  const program = findProgram('registry') ?? findProgram('docker-registry');
  if (program === undefined) return undefined;
  const port = await freePort();
  const storage = join(folder, 'storage');
  const config = join(folder, 'registry.json');
  await mkdir(storage, { recursive: true });
  // YAML is a superset of JSON.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: `127.0.0.1:${port}`, secret: 'bench' },
    }),
  );
  const child = spawn(program, ['serve', config], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  const host = `127.0.0.1:${port}`;
  while (!(await answers(`http://${host}/v2/`))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await wait(20);
  }
  let count = 0;
  return {
    port,
    host,
    async fresh() {
      await rm(join(storage, 'docker'), { recursive: true, force: true });
      return `${host}/bench-${++count}`;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
