import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where `.ci/engines` keeps what it built. */
const TOOLS =
  process.env.DOGWOOD_TEST_TOOLS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dogwood-test-tools');

/** A peer's program: from the tools folder, where Debian keeps its own, or on the PATH. */
export function findProgram(name: string): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter);
  return [join(TOOLS, 'bin'), '/usr/bin', '/usr/sbin', ...path]
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: 'ignore' | number | undefined;
}

export interface Finished {
  /** From before it is started until it has ended. */
  readonly seconds: number;
  readonly stdout: string;
}

/** Runs a program to its end. Throws with what it said where it fails. */
export async function run(
  program: string,
  args: readonly string[],
  { environment = {}, stdin = 'ignore' }: RunOptions = {},
): Promise<Finished> {
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: [stdin, 'pipe', 'pipe'],
  });
  const output = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, 'exit')) as [number | null];
  const elapsed = (performance.now() - start) / 1000;
  const [stdout = '', stderr = ''] = await Promise.all(output);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}`);
  return { seconds: elapsed, stdout };
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
