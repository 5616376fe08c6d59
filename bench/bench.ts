import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Docker, startDocker } from './docker.ts';
import type { Inputs } from './inputs.ts';
import { run } from './programs.ts';
import { type Registry, startRegistry } from './registry.ts';

/** What the rows of the table work with. */
export interface Bench {
  readonly inputs: Inputs;
  /** Times each row is run; small inputs and a few rounds are for working on the bench itself. */
  readonly rounds: number;
  readonly small: boolean;
  readonly large: boolean;
  /** Empty folder for each call. */
  folder(): Promise<string>;
  /** Our compiled program, with an empty local store; its seconds, and what it printed. */
  build(args: readonly string[], options?: BuildOptions): Promise<{ seconds: number; stdout: string }>;
  registry(): Promise<Registry | undefined>;
  docker(): Promise<Docker | undefined>;
  /** Writes what runs before have left in memory to the disk, so that nobody pays for another. */
  settle(): Promise<void>;
  log(line: string): void;
  stop(): Promise<void>;
}

export interface BuildOptions {
  /** Local store; a new one unless told. */
  readonly home?: string | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Arguments of Node itself. */
  readonly node?: readonly string[] | undefined;
}

export interface BenchOptions extends Pick<Bench, 'inputs' | 'rounds' | 'small' | 'large' | 'log'> {
  /** Where everything that the runs make lies; removed at the end. */
  readonly scratch: string;
  /** The compiled program: a folder with `bin/build.js` and `dist/`. */
  readonly program: string;
}

export async function createBench(options: BenchOptions): Promise<Bench> {
  const { scratch } = options;
  await mkdir(scratch, { recursive: true });
  let registry: Promise<Registry | undefined> | undefined;
  let docker: Promise<Docker | undefined> | undefined;
  const folder = (): Promise<string> => mkdtemp(join(scratch, 'run-'));
  // One home for all runs: a user's compile cache is warm, too.
  const home = join(scratch, 'home');
  await mkdir(home);

  return {
    ...options,
    folder,
    async build(args, { home: store, environment = {}, node = [] } = {}) {
      const used = store ?? (await folder());
      const program = join(options.program, 'bin/build.js');
      try {
        return await run(process.execPath, [...node, program, ...args], {
          environment: { HOME: home, DOGWOOD_HOME: used, DOCKER_CONFIG: home, ...environment },
        });
      } finally {
        if (store === undefined) await rm(used, { recursive: true, force: true });
      }
    },
    registry: () => (registry ??= startRegistry(scratch)),
    docker: () => (docker ??= startDocker(scratch)),
    settle: async () => void (await run('sync', [])),
    async stop() {
      await (await registry)?.stop();
      await (await docker)?.stop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** Runs with an empty folder, and removes it. */
export async function inFolder<T>(bench: Bench, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await bench.folder();
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
